#include "inference/server/tool_call_oracle.h"

#include <algorithm>
#include <map>
#include <optional>
#include <regex>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace strata::inference {
namespace {

using Json = nlohmann::json;

class Oracle {
 public:
  Oracle(const ToolCallFormat& format, const std::vector<std::string>& names,
         const std::string& text)
      : format_(format), names_(names), text_(text) {}

  OracleAnswer Run() {
    std::string& content = answer_.content;
    bool blank = true;  // nothing but white space since the start, or since the last call
    for (size_t at = 0; at < text_.size();) {
      const size_t solid = blank ? Skip(at) : at;
      if (solid == text_.size() && !answer_.calls.empty()) break;
      if (solid < text_.size() && Calls(solid, answer_.calls.empty() && content.empty(), &at)) {
        blank = true;
        continue;
      }
      const size_t end = std::min(solid + 1, text_.size());
      content.append(text_, at, end - at);
      blank = false;
      at = end;
    }
    return answer_;
  }

 private:
  size_t Skip(size_t at) const {
    return std::min(text_.find_first_not_of(" \t\r\n", at), text_.size());
  }

  // Moves `at` behind white space and `literal`.
  bool Literal(const char* literal, size_t* at) const {
    if (*literal == '\0') return true;
    const size_t begin = Skip(*at);
    if (text_.compare(begin, std::string(literal).size(), literal) != 0) return false;
    *at = begin + std::string(literal).size();
    return true;
  }

  bool Word(size_t* at, std::string* word) const {
    static const std::regex* const kWord = new std::regex("[A-Za-z0-9_.:/-]+");
    std::smatch match;
    const size_t begin = Skip(*at);
    if (!std::regex_search(text_.begin() + static_cast<ptrdiff_t>(begin), text_.end(), match,
                           *kWord, std::regex_constants::match_continuous))
      return false;
    *word = match.str();
    *at = begin + word->size();
    return *at < text_.size();
  }

  // The shortest object that the library takes; its members as text, twice the same: none.
  bool Object(size_t* at, std::string* object) const {
    const size_t begin = Skip(*at);
    if (begin == text_.size() || text_[begin] != '{') return false;
    for (size_t end = text_.find('}', begin); end != std::string::npos;
         end = text_.find('}', end + 1)) {
      *object = text_.substr(begin, end + 1 - begin);
      if (!Json::accept(*object)) continue;
      *at = end + 1;
      return true;
    }
    return false;
  }

  static std::optional<std::map<std::string, Json>> Members(const std::string& object) {
    std::map<std::string, Json> members;
    bool twice = false;
    int count = 0;
    const auto count_keys = [&](int depth, Json::parse_event_t event, Json&) {
      count += depth == 1 && event == Json::parse_event_t::key ? 1 : 0;
      return true;
    };
    const Json parsed = Json::parse(object, count_keys, false);
    for (const auto& [key, value] : parsed.items()) {
      twice |= !members.emplace(key == "parameters" ? "arguments" : key, value).second;
    }
    if (twice || static_cast<size_t>(count) != members.size()) return std::nullopt;
    return members;
  }

  // The text of a member's value: there is but one that is the value of its own and stands behind the key.
  static std::string Raw(const std::string& object) {
    static const std::regex* const kKey = new std::regex("\"(arguments|parameters)\"\\s*:\\s*");
    std::smatch match;
    for (auto from = object.begin(); std::regex_search(from, object.end(), match, *kKey);) {
      const std::string rest(match[0].second, object.end());
      for (size_t end = rest.find('}'); end != std::string::npos; end = rest.find('}', end + 1)) {
        if (rest[0] == '{' && Json::accept(rest.substr(0, end + 1))) return rest.substr(0, end + 1);
      }
      from = match[0].second;
    }
    return "";
  }

  bool Call(size_t* at, bool bare, std::string* call) const {
    std::string name, id, arguments;
    if (!Literal(format_.call_open, at)) return false;
    if (format_.call == ToolCallFormat::Call::kName) {
      if (!Word(at, &name)) return false;
      if (*format_.id_open != '\0' && Literal(format_.id_open, at) && !Word(at, &id)) return false;
      if (!Literal(format_.name_end, at) || !Object(at, &arguments)) return false;
    } else {
      std::string object;
      if (!Object(at, &object)) return false;
      const auto members = Members(object);
      if (!members.has_value()) return false;
      for (const auto& [key, value] : *members) {
        if (key == "name" && value.is_string()) {
          name = value.get<std::string>();
        } else if (key == "id" && value.is_string()) {
          id = value.get<std::string>();
        } else if (key == "arguments" && value.is_object()) {
          arguments = Raw(object);
        } else if (key != "type" || value != "function") {
          return false;
        }
      }
    }
    if (name.empty() || arguments.empty() || !Literal(format_.call_close, at)) return false;
    if (bare && std::find(names_.begin(), names_.end(), name) == names_.end()) return false;
    *call = absl::StrCat(name, "(", arguments, ")", id.empty() ? "" : "#", id);
    return true;
  }

  // Whether calls are written at `begin`; they are then recorded, and `*at` is behind them.
  bool Calls(size_t begin, bool start, size_t* at) {
    for (const char* open : format_.open) {
      if (text_.compare(begin, std::string(open).size(), open) == 0 &&
          Calls(begin + std::string(open).size(), format_.list_open, /*bare=*/false, at))
        return true;
    }
    return start && format_.bare && begin < text_.size() && text_[begin] == '{' &&
           Calls(begin, "", /*bare=*/true, at);
  }
  bool Calls(size_t from, const char* list_open, bool bare, size_t* at) {
    std::string call;
    if (!Literal(list_open, &from) || !Call(&from, bare, &call)) return false;
    do {
      answer_.calls.push_back(call);
      *at = from;
    } while ((*format_.separator != '\0' ? Literal(format_.separator, &from)
                                         : *format_.call_open != '\0') &&
             Call(&from, bare, &call));
    for (bool closed = true; closed;) {
      closed = false;
      for (const char* close : format_.list_close) closed |= Literal(close, at);
    }
    return true;
  }

  const ToolCallFormat& format_;
  const std::vector<std::string>& names_;
  const std::string& text_;
  OracleAnswer answer_;
};

}  // namespace

OracleAnswer OracleParse(const ToolCallFormat& format, const std::vector<std::string>& names,
                         const std::string& text) {
  return Oracle(format, names, text).Run();
}

}  // namespace strata::inference
