#include "inference/server/answer_reader.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace strata::inference {
namespace {

std::string RandomId(size_t size) {
  static constexpr char kLetters[] =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  static thread_local std::mt19937_64 random{std::random_device()()};
  std::uniform_int_distribution<size_t> letter(0, sizeof(kLetters) - 2);
  std::string id(size, '0');
  for (char& c : id) c = kLetters[letter(random)];
  return id;
}

// Whether a model's id may stand: the templates of some want their own form.
bool Fits(const std::string& id, bool short_ids) {
  const auto fits = [&](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           (!short_ids && (c == '_' || c == '-'));
  };
  return (short_ids ? id.size() == 9 : !id.empty() && id.size() <= 64) &&
         std::all_of(id.begin(), id.end(), fits);
}

}  // namespace

void AnswerPiece::Append(const AnswerPiece& piece) {
  text += piece.text;
  calls.insert(calls.end(), piece.calls.begin(), piece.calls.end());
}

AnswerReader::AnswerReader(const RequestTools& tools) : parallel_(tools.parallel) {
  if (tools.format == nullptr) return;
  parser_.emplace(tools.format, tools.names);
  short_ids_ = tools.format->short_ids;
}

AnswerPiece AnswerReader::Push(const std::string& text) {
  if (!parser_.has_value()) return {text, {}};
  return ended() ? AnswerPiece() : Take(parser_->Push(text));
}

AnswerPiece AnswerReader::Finish() {
  return !parser_.has_value() || ended() ? AnswerPiece() : Take(parser_->Finish());
}

AnswerPiece AnswerReader::Take(std::vector<ToolCallPart> parts) {
  AnswerPiece piece;
  for (ToolCallPart& part : parts) {
    if (ended()) break;
    if (part.kind == ToolCallPart::Kind::kContent) piece.text += part.text;
    if (part.kind != ToolCallPart::Kind::kCall) continue;
    const int index = static_cast<int>(ids_.size());
    ids_.push_back(Id(part.call.id));
    piece.calls.push_back(
        {index, ids_.back(), std::move(part.call.name), std::move(part.call.arguments)});
  }
  return piece;
}

std::string AnswerReader::Id(const std::string& by_model) {
  const bool taken = std::find(ids_.begin(), ids_.end(), by_model) != ids_.end();
  if (!taken && Fits(by_model, short_ids_)) return by_model;
  return short_ids_ ? RandomId(9) : absl::StrCat("call_", RandomId(24));
}

}  // namespace strata::inference
