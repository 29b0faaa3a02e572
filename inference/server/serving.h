// Serving: what the endpoints of one server share.
#ifndef STRATA_INFERENCE_SERVER_SERVING_H_
#define STRATA_INFERENCE_SERVER_SERVING_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "inference/engine/engine.h"
#include "inference/server/chat_template.h"
#include "inference/server/grammar_cache.h"
#include "inference/server/http_server.h"
#include "inference/server/keep_alive.h"
#include "inference/server/metrics.h"
#include "inference/server/request_slots.h"
#include "inference/server/tool_call_format.h"

namespace strata::inference {

struct Serving {
  Serving(std::shared_ptr<Engine> served, std::string name, ChatTemplate template_of_chat,
          size_t max_requests, std::chrono::milliseconds ping)
      : engine(std::move(served)),
        model_name(std::move(name)),
        chat(std::move(template_of_chat)),
        grammars(&engine->tokenizer()),
        metrics(model_name),
        slots(max_requests),
        keep_alive(ping) {}

  const std::shared_ptr<Engine> engine;
  const std::string model_name;
  const ChatTemplate chat;
  const ToolCallFormat* tool_calls = nullptr;  // how the model writes them; null: not known
  std::vector<int32_t> tool_call_tokens;       // the special tokens among their marks
  std::optional<int32_t> tool_call_end;        // one that ends the model's turn after calls
  bool add_bos = false;
  int64_t created = 0;  // seconds since 1970
  GrammarCache grammars;
  ServerMetrics metrics;
  RequestSlots slots;    // generations under way
  KeepAlive keep_alive;  // last: its thread uses the rest
};

// Answers one request, now or later through `reply`. An error becomes an error answer; the reply is then not used.
using ApiHandler = absl::Status (*)(Serving& serving, const HttpCall& call,
                                    const std::shared_ptr<HttpReply>& reply);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_SERVING_H_
