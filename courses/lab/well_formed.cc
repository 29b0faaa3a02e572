#include "courses/lab/well_formed.h"

#include <cctype>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "inference/engine/utf8.h"

namespace strata::courses {
namespace {

bool IsName(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == ':' || c == '_';
}

class Checker {
 public:
  explicit Checker(absl::string_view xml) : xml_(xml), rest_(xml) {}

  std::string Run() {
    const size_t valid = inference::ValidUtf8Prefix(xml_);
    if (valid != xml_.size()) return absl::StrCat("bad UTF-8 at ", valid);
    for (size_t i = 0; i < xml_.size(); ++i) {
      const unsigned char c = static_cast<unsigned char>(xml_[i]);
      if (c < 0x20 && c != '\n' && c != '\t' && c != '\r')
        return absl::StrCat("control character at ", i);
    }
    while (!rest_.empty() && error_.empty()) Next();
    if (error_.empty() && !open_.empty()) Fail(absl::StrCat("<", open_.back(), "> is not closed"));
    return error_;
  }

 private:
  void Fail(const std::string& what) {
    error_ = absl::StrCat(what, " at ", xml_.size() - rest_.size());
  }

  void Next() {
    if (rest_[0] == '&') return Entity();
    if (rest_[0] == '<') return Markup();
    rest_.remove_prefix(std::min(rest_.find_first_of("<&"), rest_.size()));
  }

  void Entity() {
    for (absl::string_view entity : {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"}) {
      if (absl::StartsWith(rest_, entity)) return rest_.remove_prefix(entity.size());
    }
    Fail("unknown entity");
  }

  void Markup() {
    if (absl::StartsWith(rest_, "<!DOCTYPE") || absl::StartsWith(rest_, "<?xml"))
      return SkipTo(">");
    const bool end = absl::StartsWith(rest_, "</");
    rest_.remove_prefix(end ? 2 : 1);
    const std::string name = Name();
    if (name.empty()) return Fail("tag without a name");
    if (end) {
      if (open_.empty() || open_.back() != name)
        return Fail(absl::StrCat("</", name, "> closes nothing"));
      open_.pop_back();
      return absl::StartsWith(rest_, ">") ? rest_.remove_prefix(1) : Fail("unfinished end tag");
    }
    while (error_.empty() && absl::StartsWith(rest_, " ")) Attribute();
    if (!error_.empty()) return;
    if (absl::StartsWith(rest_, "/>")) return rest_.remove_prefix(2);
    if (!absl::StartsWith(rest_, ">")) return Fail("unfinished tag");
    rest_.remove_prefix(1);
    open_.push_back(name);
  }

  void Attribute() {
    while (absl::StartsWith(rest_, " ")) rest_.remove_prefix(1);
    if (Name().empty()) return Fail("attribute without a name");
    if (!absl::StartsWith(rest_, "=\"")) return Fail("attribute without a quoted value");
    rest_.remove_prefix(2);
    while (error_.empty() && !rest_.empty() && rest_[0] != '"') {
      if (rest_[0] == '<') return Fail("< in an attribute");
      if (rest_[0] == '&') {
        Entity();
      } else {
        rest_.remove_prefix(1);
      }
    }
    if (rest_.empty()) return Fail("attribute without an end");
    if (error_.empty()) rest_.remove_prefix(1);
  }

  std::string Name() {
    size_t size = 0;
    while (size < rest_.size() && IsName(rest_[size])) ++size;
    const std::string name(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return name;
  }

  void SkipTo(absl::string_view mark) {
    const size_t found = rest_.find(mark);
    if (found == absl::string_view::npos) return Fail("unfinished declaration");
    rest_.remove_prefix(found + mark.size());
  }

  absl::string_view xml_;
  absl::string_view rest_;
  std::vector<std::string> open_;
  std::string error_;
};

}  // namespace

std::string WellFormedError(absl::string_view xml) { return Checker(xml).Run(); }

}  // namespace strata::courses
