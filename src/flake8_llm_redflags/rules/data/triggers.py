"""What a file must hold for the rules of this family to read it: shared, so that the family costs one look."""

from __future__ import annotations

import re

from ..trigger import Text

#: Names that say that rows are there to choose by.
VALIDATION = re.compile(r"(?:^|_)(?:val|valid|validation|dev|cv|eval)\d*(?:_|$|loader|set|data)", re.I)

#: A fit, or a function that fits and transforms at once.
FITS = r"\.(?:fit|adapt|partial_fit)\w*\(|scale\(|zscore\("

#: Functions and classes that divide data.
_SPLITTERS = (
    "train_test_split",
    "random_split",
    "cross_val_score",
    "cross_validate",
    "cross_val_predict",
    "learning_curve",
    "GridSearchCV",
    "RandomizedSearchCV",
    "HalvingGridSearchCV",
    "BayesSearchCV",
    "KFold",
    "StratifiedKFold",
    "TimeSeriesSplit",
    "GroupKFold",
    "RepeatedKFold",
    "RepeatedStratifiedKFold",
    "ShuffleSplit",
    "StratifiedShuffleSplit",
    "LeaveOneOut",
)

#: Those, and the libraries whose models are scored without any of them.
DIVIDED = (*_SPLITTERS, "sklearn", "keras", "tensorflow", "xgboost", "lightgbm", "catboost", "cuml")

#: Words of which one stands in every file that divides data or scores a model.
JUDGED = (*_SPLITTERS, "predict", "predict_proba", "score", "evaluate")

#: Words of which one stands in every statistic over rows that can become a feature.
STATISTICS = (
    "agg",
    "aggregate",
    "amax",
    "amin",
    "average",
    "backfill",
    "bfill",
    "cut",
    "describe",
    "ffill",
    "fillna",
    "groupby",
    "interpolate",
    "kurt",
    "kurtosis",
    "mad",
    "max",
    "mean",
    "median",
    "min",
    "mode",
    "nanmax",
    "nanmean",
    "nanmedian",
    "nanmin",
    "nanpercentile",
    "nanquantile",
    "nanstd",
    "nanvar",
    "pad",
    "percentile",
    "pivot_table",
    "prod",
    "ptp",
    "qcut",
    "quantile",
    "rank",
    "rolling",
    "sem",
    "skew",
    "std",
    "value_counts",
    "var",
)

#: Words of which one stands where rows are made out of rows.
RESAMPLERS = (
    "fit_resample",
    "fit_sample",
    "resample",
    "replace",
    "concat",
    "append",
    "concatenate",
    "vstack",
    "repeat",
    "tile",
)

#: Words of which one stands where pictures are altered at random …
ALTERS = (
    "albumentations",
    "AutoAugment",
    "ColorJitter",
    "ImageDataGenerator",
    "RandAugment",
    "RandomAffine",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomVerticalFlip",
    "TrivialAugmentWide",
)

#: … and where a data set of pictures is divided.
DIVIDES_PICTURES = ("random_split", "Subset", "sampler", "subset", "train_test_split")

#: Data sets that are known to be imbalanced, in any case, by any part of a path.
_RARE = ("creditcard", "fraud", "kddcup", "mammography", "paysim", "aps_failure", "train_transaction")
_MADE = ("make_classification", r"(?:choice|binomial)\(", r"fetch_(?:datasets|kddcup99|openml)")


def may_show_imbalance(text: Text) -> bool:
    """Tell whether a text names data that can be known to be imbalanced."""
    return any(map(text.holds, _MADE)) or any(name in text.lowered for name in _RARE)
