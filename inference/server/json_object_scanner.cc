#include "inference/server/json_object_scanner.h"

#include <cstring>

namespace strata::inference {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// What numbers, true, false and null are made of.
bool IsScalar(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '+' || c == '.' ||
         c == 'E';
}

}  // namespace

JsonObjectScanner::State JsonObjectScanner::Push(char c) {
  const State state = string_ ? InString(c) : Next(c);
  ++size_;
  return state;
}

JsonObjectScanner::State JsonObjectScanner::InString(char c) {
  if (static_cast<unsigned char>(c) < 0x20) return State::kBad;
  if (escaped_) {
    escaped_ = false;
    return c != '\0' && std::strchr("\"\\/bfnrtu", c) != nullptr ? State::kMore : State::kBad;
  }
  escaped_ = c == '\\';
  if (c != '"') return State::kMore;
  string_ = false;
  if (!key_) {
    EndValue(size_ + 1);
  } else if (nest_.size() == 1) {
    members_.back().key_end = size_ + 1;
  }
  key_ = false;
  return State::kMore;
}

JsonObjectScanner::State JsonObjectScanner::Next(char c) {
  if (scalar_) {
    if (IsScalar(c)) return State::kMore;
    scalar_ = false;
    EndValue(size_);
  }
  if (IsSpace(c)) return expect_ == Expect::kObject ? State::kBad : State::kMore;
  switch (expect_) {
    case Expect::kObject:
      return c == '{' ? Open(c) : State::kBad;
    case Expect::kFirstKey:
      if (c == '}') return Close(c);
      [[fallthrough]];
    case Expect::kKey:
      if (c != '"') return State::kBad;
      if (nest_.size() == 1) members_.push_back({size_, 0});
      string_ = key_ = true;
      expect_ = Expect::kColon;
      return State::kMore;
    case Expect::kColon:
      expect_ = Expect::kValue;
      return c == ':' ? State::kMore : State::kBad;
    case Expect::kFirstValue:
      if (c == ']') return Close(c);
      [[fallthrough]];
    case Expect::kValue:
      BeginValue();
      if (c == '{' || c == '[') return Open(c);
      string_ = c == '"';
      scalar_ = !string_;
      return string_ || IsScalar(c) ? State::kMore : State::kBad;
    case Expect::kNext:
      if (c != ',') return Close(c);
      expect_ = nest_.back() == '{' ? Expect::kKey : Expect::kValue;
      return State::kMore;
  }
  return State::kBad;
}

JsonObjectScanner::State JsonObjectScanner::Open(char c) {
  if (nest_.size() == kMaxDepth) return State::kBad;
  nest_.push_back(c);
  expect_ = c == '{' ? Expect::kFirstKey : Expect::kFirstValue;
  return State::kMore;
}

JsonObjectScanner::State JsonObjectScanner::Close(char c) {
  if (c != (nest_.back() == '{' ? '}' : ']')) return State::kBad;
  nest_.pop_back();
  if (nest_.empty()) return State::kDone;
  EndValue(size_ + 1);
  return State::kMore;
}

void JsonObjectScanner::BeginValue() {
  if (nest_.size() == 1) members_.back().value_begin = size_;
}

void JsonObjectScanner::EndValue(size_t end) {
  if (nest_.size() == 1) members_.back().value_end = end;
  expect_ = Expect::kNext;
}

}  // namespace strata::inference
