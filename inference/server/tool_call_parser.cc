#include "inference/server/tool_call_parser.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "nlohmann/json.hpp"

namespace strata::inference {
namespace {

using Json = nlohmann::json;
using Kind = ToolCallPart::Kind;

constexpr size_t kMaxWord = 128;  // names and ids outside of JSON

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

size_t SkipSpace(const std::string& text, size_t at) {
  while (at < text.size() && IsSpace(text[at])) ++at;
  return at;
}

// What a name outside of JSON may have: no character that a mark begins with.
bool IsWord(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.' ||
         c == ':' || c == '/';
}

// The text of a JSON string; false for any other value.
bool ReadString(absl::string_view json, std::string* text) {
  const Json value = Json::parse(json.begin(), json.end(), nullptr, /*allow_exceptions=*/false);
  if (!value.is_string()) return false;
  *text = value.get_ref<const std::string&>();
  return true;
}

}  // namespace

std::vector<ToolCallPart> ToolCallParser::Push(absl::string_view text) {
  held_.append(text.data(), text.size());
  std::vector<ToolCallPart> parts;
  while (Advance(&parts)) {
  }
  DropGiven();
  return parts;
}

std::vector<ToolCallPart> ToolCallParser::Finish() {
  std::vector<ToolCallPart> parts;
  while (state_ == State::kCall) {
    GiveUpCall();
    while (Advance(&parts)) {
    }
  }
  const bool blank = SkipSpace(held_, given_) == held_.size();
  const bool after_call = calls_ > 0 && (state_ == State::kAfterCall || blank_);
  Give(blank && after_call ? Kind::kMarkup : Kind::kContent, held_.size(), &parts);
  return parts;
}

bool ToolCallParser::Advance(std::vector<ToolCallPart>* parts) {
  switch (state_) {
    case State::kText:
      return FindCall(parts);
    case State::kCall:
      return ReadCall(parts);
    case State::kAfterCall:
      return FindNextCall(parts);
  }
  return false;
}

bool ToolCallParser::FindCall(std::vector<ToolCallPart>* parts) {
  for (; at_ < held_.size(); ++at_) {
    size_t size = 0;
    const Found mark = MatchAny(format_.open, at_, &size);
    if (mark != Found::kNo && !blank_) Give(Kind::kContent, at_, parts);
    if (mark == Found::kNotYet) return false;
    if (mark == Found::kYes) {
      at_ += size;
      bare_ = false;
      BeginCall(Step::kListOpen, /*resume=*/at_);
      return true;
    }
    if (IsSpace(held_[at_])) continue;
    if (first_ && format_.bare && held_[at_] == '{') {
      bare_ = true;
      BeginCall(Step::kObject, /*resume=*/at_);
      return true;
    }
    first_ = blank_ = false;
  }
  if (!blank_) Give(Kind::kContent, at_, parts);
  return false;
}

bool ToolCallParser::ReadCall(std::vector<ToolCallPart>* parts) {
  while (step_ != Step::kWhole) {
    const Found found = ReadStep();
    if (found == Found::kNotYet) return false;
    if (found == Found::kNo) {
      GiveUpCall();
      return true;
    }
    step_ = static_cast<Step>(static_cast<int>(step_) + 1);
  }
  ++calls_;
  Give(Kind::kCall, at_, parts);
  parts->back().call = std::exchange(call_, {});
  first_ = closed_ = false;
  state_ = State::kAfterCall;
  return true;
}

ToolCallParser::Found ToolCallParser::ReadStep() {
  const bool named = format_.call == ToolCallFormat::Call::kName;
  switch (step_) {
    case Step::kListOpen:
      return ReadText(format_.list_open);
    case Step::kCallOpen:
      return ReadText(format_.call_open);
    case Step::kName:
      return named ? ReadWord(&call_.name) : Found::kYes;
    case Step::kIdOpen: {
      const Found mark = ReadText(format_.id_open);
      has_id_ = mark == Found::kYes && *format_.id_open != '\0';
      return mark == Found::kNo ? Found::kYes : mark;
    }
    case Step::kId:
      return has_id_ ? ReadWord(&call_.id) : Found::kYes;
    case Step::kNameEnd:
      return ReadText(format_.name_end);
    case Step::kObject:
      return ReadObject();
    case Step::kCallClose:
      return ReadText(format_.call_close);
    case Step::kWhole:
      break;
  }
  return Found::kYes;
}

ToolCallParser::Found ToolCallParser::ReadText(const char* text) {
  if (*text == '\0') return Found::kYes;
  at_ = SkipSpace(held_, at_);
  const Found found = Match(text, at_);
  if (found == Found::kYes) at_ += absl::string_view(text).size();
  return found;
}

// A word ends where another character begins.
ToolCallParser::Found ToolCallParser::ReadWord(std::string* word) {
  at_ = SkipSpace(held_, at_);
  const size_t begin = at_;
  size_t end = begin;
  while (end < held_.size() && IsWord(held_[end])) ++end;
  if (end - begin > kMaxWord) return Found::kNo;
  if (end == held_.size()) return Found::kNotYet;
  if (end == begin) return Found::kNo;
  *word = held_.substr(begin, end - begin);
  at_ = end;
  return Found::kYes;
}

ToolCallParser::Found ToolCallParser::ReadObject() {
  const bool named = format_.call == ToolCallFormat::Call::kName;
  if (scanner_.size() == 0) at_ = object_ = SkipSpace(held_, at_);
  auto state = JsonObjectScanner::State::kMore;
  while (at_ < held_.size() && state == JsonObjectScanner::State::kMore) {
    state = scanner_.Push(held_[at_++]);
    // Another object than a call is seen at its first key, before the rest of it is held back.
    if (named || checked_ == scanner_.members().size()) continue;
    const JsonObjectScanner::Member& member = scanner_.members()[checked_];
    if (member.key_end == 0) continue;
    ++checked_;
    const absl::string_view key = absl::string_view(held_).substr(
        object_ + member.key_begin, member.key_end - member.key_begin);
    static constexpr absl::string_view kKeys[] = {"\"name\"", "\"arguments\"", "\"parameters\"",
                                                  "\"id\"", "\"type\""};
    if (std::find(std::begin(kKeys), std::end(kKeys), key) == std::end(kKeys)) return Found::kNo;
  }
  if (state == JsonObjectScanner::State::kMore) return Found::kNotYet;
  if (state == JsonObjectScanner::State::kBad) return Found::kNo;
  const absl::string_view object = absl::string_view(held_).substr(object_, at_ - object_);
  if (!Json::accept(object.begin(), object.end())) return Found::kNo;
  return (named ? TakeArguments(object) : TakeCall(object)) ? Found::kYes : Found::kNo;
}

bool ToolCallParser::TakeArguments(absl::string_view object) {
  call_.arguments = std::string(object);
  return true;
}

bool ToolCallParser::TakeCall(absl::string_view object) {
  std::vector<absl::string_view> seen;
  for (const JsonObjectScanner::Member& member : scanner_.members()) {
    absl::string_view key = object.substr(member.key_begin, member.key_end - member.key_begin);
    const absl::string_view value =
        object.substr(member.value_begin, member.value_end - member.value_begin);
    if (key == "\"parameters\"") key = "\"arguments\"";
    if (std::find(seen.begin(), seen.end(), key) != seen.end()) return false;
    seen.push_back(key);
    if (key == "\"arguments\"" && (value[0] != '{' || !TakeArguments(value))) return false;
    if (key == "\"name\"" && !ReadString(value, &call_.name)) return false;
    if (key == "\"id\"" && !ReadString(value, &call_.id)) return false;
    if (key == "\"type\"" && value != "\"function\"") return false;
  }
  if (call_.name.empty() || call_.arguments.empty()) return false;
  return !bare_ || std::find(names_.begin(), names_.end(), call_.name) != names_.end();
}

// What may follow a call: the end of the list, another call, or anything else, which is text.
bool ToolCallParser::FindNextCall(std::vector<ToolCallPart>* parts) {
  at_ = SkipSpace(held_, at_);
  if (at_ == held_.size()) return false;
  size_t size = 0;
  const Found close = MatchAny(format_.list_close, at_, &size);
  if (close == Found::kYes) {
    Give(Kind::kMarkup, at_ + size, parts);
    closed_ = true;
    return true;
  }
  const bool separated = *format_.separator != '\0';
  const char* next = separated ? format_.separator : format_.call_open;
  const Found follows = closed_ || *next == '\0' ? Found::kNo : Match(next, at_);
  if (follows == Found::kYes) {
    if (separated) at_ += absl::string_view(next).size();
    BeginCall(*format_.call_open != '\0' || format_.call == ToolCallFormat::Call::kName
                  ? Step::kCallOpen
                  : Step::kObject,
              /*resume=*/given_);
    return true;
  }
  if (close == Found::kNotYet || follows == Found::kNotYet) return false;
  state_ = State::kText;
  blank_ = true;
  return true;
}

ToolCallParser::Found ToolCallParser::Match(absl::string_view text, size_t at) const {
  const absl::string_view there = absl::string_view(held_).substr(at, text.size());
  if (there == text) return Found::kYes;
  return at + there.size() == held_.size() && text.substr(0, there.size()) == there ? Found::kNotYet
                                                                                    : Found::kNo;
}

ToolCallParser::Found ToolCallParser::MatchAny(const std::vector<const char*>& texts, size_t at,
                                               size_t* size) const {
  Found found = Found::kNo;
  for (const char* text : texts) {
    const Found match = Match(text, at);
    *size = absl::string_view(text).size();
    if (match == Found::kYes) return match;
    if (match == Found::kNotYet) found = match;
  }
  return found;
}

void ToolCallParser::BeginCall(Step step, size_t resume) {
  state_ = State::kCall;
  step_ = step;
  resume_ = resume;
  scanner_ = JsonObjectScanner();
  checked_ = 0;
  call_ = {};
}

// What was taken for a call is content; calls may begin behind its mark.
void ToolCallParser::GiveUpCall() {
  state_ = State::kText;
  first_ = blank_ = false;
  at_ = resume_;
}

void ToolCallParser::Give(Kind kind, size_t end, std::vector<ToolCallPart>* parts) {
  if (end == given_) return;
  parts->push_back({kind, held_.substr(given_, end - given_)});
  given_ = end;
  at_ = std::max(at_, end);
}

void ToolCallParser::DropGiven() {
  held_.erase(0, given_);
  for (size_t* place : {&at_, &resume_, &object_}) *place -= std::min(*place, given_);
  given_ = 0;
}

}  // namespace strata::inference
