// Sequence: one text in the engine, prompt and answer, with its pages and its place among the views. Requests have one
// sequence an answer.
#ifndef STRATA_INFERENCE_ENGINE_SEQUENCE_H_
#define STRATA_INFERENCE_ENGINE_SEQUENCE_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "inference/engine/answer.h"
#include "inference/engine/kv_cache.h"
#include "inference/engine/request.h"

namespace strata::inference {

using EngineClock = std::chrono::steady_clock;

struct RequestState {
  int64_t id = 0;
  std::shared_ptr<const GenerateRequest> request;
  OnToken on_token;
  OnDone on_done;
  int64_t key = 0;  // AdmissionOrder
  EngineClock::time_point arrival;
  bool cancelled = false;
  bool forked = false;  // each answer has its sequence; before, one computes the prompt for all
};

struct Sequence {
  Sequence(int64_t sequence_id, std::shared_ptr<RequestState> state, Answer first)
      : id(sequence_id), request(std::move(state)), answer(std::move(first)) {
    tokens = request->request->prompt;
  }

  int64_t size() const { return static_cast<int64_t>(tokens.size()); }
  bool is_prompt() const { return size() - computed > 1; }

  const int64_t id;
  const std::shared_ptr<RequestState> request;
  Answer answer;
  std::vector<int32_t> tokens;  // prompt and answer
  int64_t computed = 0;         // of these, with keys and values in the pages; < size()
  PageList pages;
  int64_t view = -1;        // list of its slots in the runner, while it runs
  int64_t view_filled = 0;  // positions of that list that are right
  int64_t remembered = 0;   // tokens told to the prefix cache
  bool scheduled = false;   // has run once
  EngineClock::time_point first_scheduled, first_token;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_SEQUENCE_H_
