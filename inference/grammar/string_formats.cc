#include "inference/grammar/string_formats.h"

#include <map>

#include "absl/strings/str_cat.h"

namespace strata::inference::grammar {
namespace {

std::map<std::string, std::string> MakeFormats() {
  const std::string year = "[0-9]{4}";
  const std::string days28 = "(0[1-9]|1[0-9]|2[0-8])", days30 = "(0[1-9]|[12][0-9]|30)",
                    days31 = "(0[1-9]|[12][0-9]|3[01])";
  // 29 February is left out: whether it is there depends on the year.
  const std::string date = absl::StrCat(year, "-((0[13578]|1[02])-", days31, "|(0[469]|11)-",
                                        days30, "|02-", days28, ")");
  const std::string time =
      "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9]"
      ")";
  const std::string label = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
  const std::string host = absl::StrCat(label, "(\\.", label, "){0,2}");
  const std::string byte = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
  const std::string ipv4 = absl::StrCat(byte, "(\\.", byte, "){3}");
  const std::string group = "[0-9a-fA-F]{1,4}";
  const std::string ipv6 = absl::StrCat("(", group, ":){7}", group, "|::(", group, "(:", group,
                                        "){0,5})?|", group, "::(", group, "(:", group, "){0,4})?");
  const std::string path = "[A-Za-z0-9._~!$&'()*+,;=:@-]";
  return {{"date", date},
          {"time", time},
          {"date-time", absl::StrCat("(", date, ")T", time)},
          {"duration",
           "P([0-9]{1,6}W|[0-9]{1,6}Y([0-9]{1,6}M([0-9]{1,6}D)?)?(T[0-9]{1,6}H)?|[0-9]{1,6}M|"
           "[0-9]{1,6}D(T[0-9]{1,6}H([0-9]{1,6}M([0-9]{1,6}S)?)?)?|"
           "T([0-9]{1,6}H([0-9]{1,6}M([0-9]{1,6}S)?)?|[0-9]{1,6}M([0-9]{1,6}S)?|[0-9]{1,6}S))"},
          {"email", absl::StrCat("[A-Za-z0-9_%+-]{1,32}(\\.[A-Za-z0-9_%+-]{1,15}){0,2}@", host)},
          {"hostname", host},
          {"ipv4", ipv4},
          {"ipv6", ipv6},
          {"uri", absl::StrCat("[a-z][a-z0-9+.-]{0,15}://", host, "(:[0-9]{1,5})?(/", path,
                               "*)*(\\?", path, "*)?(#", path, "*)?")},
          {"uuid", "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"},
          {"json-pointer", "(/([^/~]|~[01])*)*"}};
}

}  // namespace

const std::string* FormatRegex(absl::string_view format) {
  static const auto& formats = *new std::map<std::string, std::string>(MakeFormats());
  const auto found = formats.find(std::string(format));
  return found == formats.end() ? nullptr : &found->second;
}

}  // namespace strata::inference::grammar
