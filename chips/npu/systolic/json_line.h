// One JSON object on one line, for reports that programs read.
//
//   JsonLine line;
//   line.Add("layer", int64_t{3}).Add("name", "Conv\"1\"").Add("utilization", 91.5);
//   line.Text();  // {"layer": 3, "name": "Conv\"1\"", "utilization": 91.5}
//
// Doubles are printed with the fewest digits that read back as the same number; none may be infinite or NaN.
#ifndef STRATA_CHIPS_NPU_SYSTOLIC_JSON_LINE_H_
#define STRATA_CHIPS_NPU_SYSTOLIC_JSON_LINE_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace strata::chips::systolic {

class JsonLine {
 public:
  JsonLine& Add(absl::string_view key, int64_t value);
  JsonLine& Add(absl::string_view key, double value);
  JsonLine& Add(absl::string_view key, absl::string_view value);  // other than ASCII becomes "?"
  JsonLine& Add(absl::string_view key, const char* value) {
    return Add(key, absl::string_view(value));
  }
  JsonLine& Add(absl::string_view key, bool value);
  JsonLine& Add(absl::string_view key, const JsonLine& value);

  std::string Text() const { return "{" + fields_ + "}"; }

 private:
  void AddRaw(absl::string_view key, absl::string_view value);

  std::string fields_;
};

}  // namespace strata::chips::systolic

#endif  // STRATA_CHIPS_NPU_SYSTOLIC_JSON_LINE_H_
