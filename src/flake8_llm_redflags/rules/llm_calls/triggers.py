"""When the rules about model calls look at a file."""

from __future__ import annotations

from ..rule import Trigger
from ..trigger import Text, whole_word

#: Words one of which stands in every file that calls a model: its library or its client, or a method no other library has.
#: Common words (`together`, `inference`) are left to the names that come with them: every file is asked for these.
MODEL_WORDS = (
    "openai", "anthropic", "groq", "Together", "AsyncTogether", "Fireworks", "genai", "generativeai", "vertexai", "cohere", "mistralai",
    "ollama", "litellm", "huggingface_hub", "replicate", "openrouter", "dashscope", "zhipuai", "agents", "langfuse", "instructor",
    "completions", "generate_content", "ChatCompletionsClient", "langchain", "langchain_openai", "langchain_anthropic",
    "langchain_community", "langchain_google_genai", "langchain_google_vertexai", "langchain_ollama", "langchain_groq",
    "langchain_mistralai", "langchain_cohere", "langchain_aws", "langchain_together", "langchain_fireworks", "langchain_huggingface",
    "langchain_nvidia_ai_endpoints", "langchain_deepseek", "langchain_xai", "langchain_core", "langchain_classic", "max_tokens",
    "llama_index", "dspy", "xai_sdk", "bedrock", "invoke_model", "agno", "crewai", "adk", "autogen", "autogen_agentchat", "ag2",
    "pydantic_ai", "smolagents", "langgraph",
)  # fmt: skip
#: The same for files in which a model's text may be used: its answer, or what it writes for a tool.
MODEL_TEXT_WORDS = (
    *MODEL_WORDS, "llm", "function_tool", "kernel_function", "FastMCP", "mcp",
    "semantic_kernel", "strands", "tool_calls", "tool_use", "chat_model",
)  # fmt: skip
#: A name that speaks of a model where nothing else does: `query_llm`, `qwen_result`.
_MODEL_NAMES = (
    *("llm_", "_llm", "gpt_", "_gpt", "openai_", "_openai", "claude_", "_claude", "gemini_", "_gemini"),
    *("qwen_", "deepseek_", "ollama_"),
)
#: A tool as it is described to a model, in a file that leaves the model to others.
_TOOL = r"type[\"']\s*:\s*[\"']function[\"']"


def may_hold_model_text(text: Text) -> bool:
    """Tell whether a text may use what a model writes: it names a library, a client, a tool or a function that asks one."""
    return (
        not text.words.isdisjoint(MODEL_TEXT_WORDS)
        or any(part in text.all_words for part in _MODEL_NAMES)
        or "input_schema" in text.words
        or text.holds(_TOOL)
    )


#: The last step of a call that a model library offers, in a file that names such a library or an unmistakable method.
MODEL_CALL = Trigger(
    words=(MODEL_WORDS,),
    pattern=(
        r"\.(?:create(?:_and_\w+)?|acreate|parse|stream|generate|generate_content\w*|complete\w*|chat\w*|send\w*|a?embed\w*|completion|acompletion"
        r"|text_generation|feature_extraction|invoke|ainvoke|astream|a?batch|a?predict|a?run|call|rerank|responses|run_\w+"
        r"|a?print_response|kickoff\w*|a?query|on_messages\w*|a?_?initiate_chat|generate_reply|converse\w*|invoke_model\w*|sample\w*|a?stream_chat|acomplete|achat|iter|a?structured_predict)\s*\(",
        *(
            rf"{whole_word(name)}\s*\("
            for name in ("completion", "acompletion", "generate", "chat", "embed", "llm", "chain")
        ),
        whole_word("dspy"),
    ),
)
#: A loop that its model alone may end: `while` where a line begins, not in a sentence.
AGENT_LOOP = Trigger(
    words=(("while",), MODEL_WORDS), pattern=r"while\b(?:(?<=[\r\n]while)|(?<=[\r\n][ \t]while)|(?<=[ \t]{2}while))"
)
#: What may try a model call again: a loop, a retry library, a handler (which is asked of the tree).
RETRY = Trigger(
    words=(("while", "retry", "retrying", "backoff", "tenacity", "except"), MODEL_WORDS),
    pattern=(
        r"while\s",
        r"@[\w.]*retry",
        r"on_exception\s*\(",
        r"Retrying\s*\(",
        r"except[^\n]*:[^\n]*\n(?:[^\n]*\n){0,6}?\s*return\s",
    ),
)
