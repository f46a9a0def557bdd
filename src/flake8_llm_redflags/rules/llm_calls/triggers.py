"""When the rules about model calls look at a file."""

from __future__ import annotations

from ..rule import Trigger

#: The last step of a call that a model library offers, in a file that names such a library or an unmistakable method.
MODEL_CALL = Trigger(
    words=(
        (
            "openai", "anthropic", "groq", "together", "fireworks", "genai", "generativeai", "vertexai", "cohere", "mistralai", "ollama",
            "litellm", "huggingface_hub", "replicate", "openrouter", "dashscope", "zhipuai", "agents", "langfuse", "instructor",
            "completions", "generate_content", "inference", "langchain", "langchain_openai", "langchain_anthropic", "langchain_community",
            "langchain_google_genai", "langchain_google_vertexai", "langchain_ollama", "langchain_groq", "langchain_mistralai",
            "langchain_cohere", "langchain_aws", "langchain_together", "langchain_fireworks", "langchain_huggingface",
            "langchain_nvidia_ai_endpoints", "langchain_deepseek", "langchain_xai", "langchain_core", "langchain_classic",
        ),
    ),
    pattern=(
        r"\.(?:create|acreate|parse|stream|generate|generate_content\w*|complete\w*|chat\w*|send\w*|embed\w*|completion|acompletion"
        r"|text_generation|feature_extraction|invoke|ainvoke|astream|a?batch|a?predict|a?run|call|rerank|responses|run_sync)\s*\("
        r"|\b(?:a?completion|generate|chat|embed)\s*\("
    ),
)  # fmt: skip
