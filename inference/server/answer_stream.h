// AnswerStream: the server-sent events of one answer, each "data: {json}\n\n", "data: [DONE]\n\n" at the end.
//
//   AnswerStream stream(reply, {{"id", id}, {"object", "text_completion"}});
//   stream.SendChoice({{"index", 0}, {"text", "Hi"}}, std::nullopt);
//   stream.End();
//
// What all events have in common is written once: an event costs a step of the engine little. Not thread-safe.
#ifndef STRATA_INFERENCE_SERVER_ANSWER_STREAM_H_
#define STRATA_INFERENCE_SERVER_ANSWER_STREAM_H_

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "inference/server/http_server.h"
#include "nlohmann/json.hpp"

namespace strata::inference {

class AnswerStream {
 public:
  // `frame`: the fields that every event begins with.
  AnswerStream(std::shared_ptr<HttpReply> reply, nlohmann::json frame);

  // An event with one choice, and with a usage when there is one (null counts).
  void SendChoice(const nlohmann::json& choice, const std::optional<nlohmann::json>& usage);
  // An event without choices.
  void SendUsage(const nlohmann::json& usage);
  // Any other.
  void SendEvent(const nlohmann::json& event);
  // A comment, which readers skip, when nothing was sent for `silence`.
  void KeepAlive(std::chrono::steady_clock::time_point now,
                 std::chrono::steady_clock::duration silence);
  void End();

  bool begun() const { return begun_; }
  const nlohmann::json& frame() const { return frame_; }

  // JSON text; bad UTF-8 becomes U+FFFD.
  static std::string Dump(const nlohmann::json& json);

 private:
  void Write(std::string text);

  const std::shared_ptr<HttpReply> reply_;
  const nlohmann::json frame_;
  const std::string before_;  // up to the choices
  const std::string after_;   // the rest of the frame
  bool begun_ = false;
  std::chrono::steady_clock::time_point last_;  // when something was sent
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_ANSWER_STREAM_H_
