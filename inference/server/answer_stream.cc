#include "inference/server/answer_stream.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::inference {

using Json = nlohmann::json;

std::string AnswerStream::Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

AnswerStream::AnswerStream(std::shared_ptr<HttpReply> reply, Json frame)
    : reply_(std::move(reply)),
      frame_(std::move(frame)),
      before_("data: {\"choices\":["),
      after_(absl::StrCat("],", Dump(frame_).substr(1))),
      last_(std::chrono::steady_clock::now()) {}

void AnswerStream::SendChoice(const Json& choice, const std::optional<Json>& usage) {
  std::string text = absl::StrCat(before_, Dump(choice), after_);
  if (usage.has_value()) {
    text.pop_back();  // the brace
    absl::StrAppend(&text, ",\"usage\":", Dump(*usage), "}");
  }
  text += "\n\n";
  Write(std::move(text));
}

void AnswerStream::SendUsage(const Json& usage) {
  Json event = frame_;
  event["choices"] = Json::array();
  event["usage"] = usage;
  SendEvent(event);
}

void AnswerStream::SendEvent(const Json& event) {
  Write(absl::StrCat("data: ", Dump(event), "\n\n"));
}

void AnswerStream::KeepAlive(std::chrono::steady_clock::time_point now,
                             std::chrono::steady_clock::duration silence) {
  if (now - last_ >= silence) Write(":\n\n");
}

void AnswerStream::End() {
  Write("data: [DONE]\n\n");
  reply_->End();
}

void AnswerStream::Write(std::string text) {
  if (!begun_) reply_->BeginStream(200, "text/event-stream; charset=utf-8");
  begun_ = true;
  last_ = std::chrono::steady_clock::now();
  reply_->Write(std::move(text));
}

}  // namespace strata::inference
