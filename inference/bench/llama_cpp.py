"""llama.cpp on the same file and machine, beside //inference/bench:llm.

Calls the shared libraries of a llama.cpp release directly, so that nothing but llama.cpp is timed. The npm package
node-llama-cpp 3.22 brings them, built for this CPU (release v0.5.0, to whose llama.h the structures below belong):

  npm install --ignore-scripts node-llama-cpp@3.22.1
  python3 inference/bench/llama_cpp.py --model=FILE.gguf --phase=prefill|decode --prompt=512 --tokens=128 --batch=1

Prints one JSON object with the names of //inference/bench:llm: the median of --runs.
"""
import argparse
import ctypes as c
import glob
import json
import os
import statistics
import sys
import time


class Params(c.Structure):
  """Model or context parameters as 32-bit words; longer than either, which the calling convention does not mind."""
  _fields_ = [("words", c.c_int32 * 64)]


# Words of the context parameters of release v0.5.0.
N_CTX, N_BATCH, N_UBATCH, N_SEQ_MAX, N_THREADS, N_THREADS_BATCH, FLASH_ATTENTION = 0, 1, 2, 3, 7, 8, 13


class Batch(c.Structure):
  _fields_ = [("n_tokens", c.c_int32), ("token", c.POINTER(c.c_int32)), ("embd", c.c_void_p),
              ("pos", c.POINTER(c.c_int32)), ("n_seq_id", c.POINTER(c.c_int32)),
              ("seq_id", c.POINTER(c.POINTER(c.c_int32))), ("logits", c.POINTER(c.c_int8))]


def load_library(folder):
  files = lambda pattern: sorted(glob.glob(os.path.join(folder, pattern)))
  if not files("libllama.*"):
    sys.exit(f"no libllama in {folder}: give --library=FOLDER of a llama.cpp release")
  os.environ["LD_LIBRARY_PATH"] = folder
  for name in ("libggml-base*", "libggml.*"):
    ggml = c.CDLL(files(name)[0], mode=c.RTLD_GLOBAL)
  ggml.ggml_backend_load_all_from_path.argtypes = [c.c_char_p]
  ggml.ggml_backend_load_all_from_path(folder.encode())
  llama = c.CDLL(files("libllama.*")[0], mode=c.RTLD_GLOBAL)
  llama.llama_model_default_params.restype = Params
  llama.llama_context_default_params.restype = Params
  llama.llama_model_load_from_file.argtypes = [c.c_char_p, Params]
  llama.llama_model_load_from_file.restype = c.c_void_p
  llama.llama_init_from_model.argtypes = [c.c_void_p, Params]
  llama.llama_init_from_model.restype = c.c_void_p
  llama.llama_decode.argtypes = [c.c_void_p, Batch]
  llama.llama_batch_init.restype = Batch
  llama.llama_get_memory.argtypes = [c.c_void_p]
  llama.llama_get_memory.restype = c.c_void_p
  llama.llama_memory_clear.argtypes = [c.c_void_p, c.c_bool]
  llama.llama_get_logits_ith.argtypes = [c.c_void_p, c.c_int32]
  llama.llama_get_logits_ith.restype = c.POINTER(c.c_float)
  llama.llama_synchronize.argtypes = [c.c_void_p]
  return llama


def fill(batch, rows):
  """rows: (token, position, sequence, wants logits)."""
  batch.n_tokens = len(rows)
  for i, (token, position, sequence, wanted) in enumerate(rows):
    batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, position, 1
    batch.seq_id[i][0], batch.logits[i] = sequence, wanted


def main():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--model", required=True)
  parser.add_argument("--library", default="node_modules/@node-llama-cpp/linux-x64/bins/linux-x64")
  parser.add_argument("--phase", choices=["prefill", "decode"], default="decode")
  for name, value in (("prompt", 512), ("tokens", 128), ("batch", 1), ("threads", 2), ("runs", 3)):
    parser.add_argument(f"--{name}", type=int, default=value)
  parser.add_argument("--flash-attention", type=int, default=-1, help="-1 auto, 0 off, 1 on")
  flags = parser.parse_args()

  llama = load_library(os.path.abspath(flags.library))
  quiet = c.CFUNCTYPE(None, c.c_int, c.c_char_p, c.c_void_p)(lambda level, text, data: None)
  llama.llama_log_set(quiet, None)
  llama.llama_backend_init()
  started = time.perf_counter()
  model = llama.llama_model_load_from_file(flags.model.encode(), llama.llama_model_default_params())
  if not model:
    sys.exit(f"{flags.model}: llama.cpp does not load it")
  params = llama.llama_context_default_params()
  words = params.words
  if (words[N_BATCH], words[N_UBATCH], words[N_THREADS], words[FLASH_ATTENTION]) != (2048, 512, 4, -1):
    sys.exit("this llama.cpp's structures are not those of release v0.5.0")
  words[N_CTX] = flags.batch * (flags.prompt + flags.tokens + 8)
  words[N_SEQ_MAX] = flags.batch
  words[N_THREADS] = words[N_THREADS_BATCH] = flags.threads
  words[FLASH_ATTENTION] = flags.flash_attention
  context = llama.llama_init_from_model(model, params)
  memory = llama.llama_get_memory(context)
  batch = llama.llama_batch_init(2048, 0, 1)

  def step(rows):
    fill(batch, rows)
    if llama.llama_decode(context, batch) != 0:
      sys.exit("llama_decode failed")
    llama.llama_synchronize(context)

  def token(i, s):
    return 300 + (i * 7919 + s * 104729) % 600

  rates, first = [], None
  for _ in range(flags.runs):
    llama.llama_memory_clear(memory, True)
    start = time.perf_counter()
    for s in range(flags.batch):
      length = flags.prompt
      step([(token(i, s), i, s, i + 1 == length) for i in range(length)])
    if first is None:
      first = time.perf_counter() - started
    if flags.phase == "prefill":
      rates.append(flags.batch * flags.prompt / (time.perf_counter() - start))
      continue
    seconds = []
    for t in range(flags.tokens):
      begin = time.perf_counter()
      step([(token(t, s), flags.prompt + t, s, 1) for s in range(flags.batch)])
      seconds.append(time.perf_counter() - begin)
    rates.append(flags.batch / statistics.median(seconds))
  print(json.dumps({"peer": "llama.cpp v0.5.0", "model": os.path.basename(flags.model),
                    "phase": flags.phase, "prompt": flags.prompt, "tokens": flags.tokens,
                    "batch": flags.batch, "threads": flags.threads,
                    "tokens_per_second": round(statistics.median(rates), 2),
                    "first_token_seconds": round(first, 3)}))


main()
