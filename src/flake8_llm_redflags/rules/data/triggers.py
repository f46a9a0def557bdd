"""What a file must hold for the rules of this family to read it: shared, so that the family costs one look."""

from __future__ import annotations

#: A fit, or a function that fits and transforms at once.
FITS = r"\.(?:fit|fit_\w+|adapt|partial_fit)\(|\b\w*scale\(|\bzscore\("

#: Words of which one stands in every file that divides data or scores a model.
JUDGED = (
    "train_test_split",
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
    "predict",
    "predict_proba",
    "score",
    "evaluate",
)
