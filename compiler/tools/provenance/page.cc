#include "compiler/tools/provenance/page.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace strata::compiler {
namespace {

constexpr char kStyle[] =
#include "compiler/tools/provenance/page_style.inc"
    ;
constexpr char kBody[] =
#include "compiler/tools/provenance/page_body.inc"
    ;
constexpr char kModel[] =
#include "compiler/tools/provenance/page_model.inc"
    ;
constexpr char kViews[] =
#include "compiler/tools/provenance/page_views.inc"
    ;

// '<' is escaped too, so that no text ends the script it stands in.
std::string Text(absl::string_view text) {
  std::string result = "\"";
  for (char c : text) {
    const unsigned char u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += {'\\', c};
    } else if (c == '\n') {
      result += "\\n";
    } else if (u < 0x20 || c == '<' || c == '>' || c == '&') {
      absl::StrAppendFormat(&result, "\\u%04x", u);
    } else {
      result += c;
    }
  }
  return result + "\"";
}

std::string Numbers(const std::vector<int>& numbers) {
  return absl::StrCat("[", absl::StrJoin(numbers, ","), "]");
}

std::string Number(double value) { return absl::StrFormat("%.12g", value); }

template <typename T, typename F>
std::string List(const std::vector<T>& items, const F& print) {
  return absl::StrCat(
      "[",
      absl::StrJoin(items, ",\n",
                    [&](std::string* out, const T& item) { out->append(print(item)); }),
      "]");
}

std::string Escaped(absl::string_view text) {
  return absl::StrReplaceAll(text,
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

}  // namespace

std::string ProvenanceJson(const Provenance& p) {
  const std::string lines = List(p.lines, [](const Provenance::Line& line) {
    return absl::StrCat("{\"text\":", Text(line.text), ",\"origins\":", Numbers(line.origins),
                        ",\"step\":", line.step, "}");
  });
  const std::string steps = List(p.steps, [](const Provenance::Step& step) {
    return absl::StrCat("{\"name\":", Text(step.name), ",\"kind\":", Text(step.kind),
                        ",\"what\":", Text(step.what), ",\"reason\":", Text(step.reason),
                        ",\"kernel\":", step.kernel, ",\"origins\":", Numbers(step.origins),
                        ",\"flops\":", Number(step.flops), ",\"bytes\":", Number(step.bytes),
                        ",\"roofline\":", Number(step.roofline_ns), ",\"bound\":", Text(step.bound),
                        ",\"measured\":", Number(step.measured_ns), "}");
  });
  const std::string kernels = List(p.kernels, [](const Provenance::Kernel& kernel) {
    return absl::StrCat("{\"entry\":", Text(kernel.entry), ",\"schedule\":", Text(kernel.schedule),
                        ",\"nest\":", Text(kernel.loop_nest), ",\"source\":", Text(kernel.source),
                        "}");
  });
  return absl::StrCat(
      "{\"name\":", Text(p.name), ",\"chip\":", Text(p.chip), ",\"target\":", Text(p.target),
      ",\"runs\":", p.runs,
      ",\n\"origins\":", List(p.origins, [](const std::string& origin) { return Text(origin); }),
      ",\n\"lines\":", lines, ",\n\"steps\":", steps, ",\n\"kernels\":", kernels, "}");
}

std::string ProvenancePage(const Provenance& p) {
  return absl::StrCat(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Provenance "
      "of ",
      Escaped(p.name), "</title>\n<style>", kStyle, "</style>\n</head>\n<body>\n", kBody,
      "<script id=\"data\" type=\"application/json\">", ProvenanceJson(p), "</script>\n<script>",
      kModel, kViews, "</script>\n</body>\n</html>\n");
}

}  // namespace strata::compiler
