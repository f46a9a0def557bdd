import os
import pickle
import subprocess

import torch
from openai import OpenAI

API_KEY = "sk-12345..."  # [guide-key]
client = OpenAI(api_key="sk-pr<+>oj-Kd82mSl0Qw9eRt7yUi3oPa5sDf6gHj1k")  # [client-key]
os.environ["OPENAI_API_KEY"] = "sk-pr<+>oj-Kd82mSl0Qw9eRt7yUi3oPa5sDf6gHj1k"  # [environ-key]
HF_TOKEN = "hf_<+>QwErTyUiOpAsDfGhJkLzXcVbNmQwErTyUi"  # [hub-token]
password = "nebula"  # [word-password]
eos_token = "</s>"  # [vocabulary]
TOKEN_USAGE = "token_usage"  # [constant-name]
connect(password="password")  # [same-as-name]
local = OpenAI(base_url="http://localhost:11434/v1", api_key="ollama")  # [local-dummy]


def login(user, password="t7Kq2vWz9pLm4x"):  # [default-password]
    return user, password


def queries(cursor, user_id, table, ids, limit: int):
    query = f"SELECT * FROM users WHERE id = {user_id}"  # [guide-sql]
    cursor.execute("SELECT * FROM users WHERE id = %s" % user_id)  # [percent-sql]
    cursor.execute(f"SELECT * FROM {table} WHERE total > 0")  # [table-name]
    cursor.execute(f"SELECT * FROM users LIMIT {limit}")  # [number]
    marks = ", ".join("?" for _ in ids)
    cursor.execute(f"SELECT * FROM users WHERE id IN ({marks})", ids)  # [placeholders]
    prompt = f"Select the best answer from the following options: {ids}"  # [english]
    return query, prompt


def run(question):
    try:
        answer = client.responses.create(model="small", input=question).output_text
    except Exception as error:
        return str(error)
    subprocess.run(answer, shell=True)  # [model-shell]
    return eval(answer)  # [model-eval]


def restore(path, file):
    state = torch.load(path, weights_only=False)  # [torch-load]
    rows = pickle.load(file)  # [pickled-rows]
    return state, rows
