#include "chips/timeline/chrome_trace.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

namespace strata::chips {
namespace {

// Bytes of the well-formed UTF-8 sequence that `text` begins with (Unicode, table 3-7); 0 when there
// is none.
size_t Utf8Length(absl::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0; };
  const auto within = [&](size_t i, int low, int high) {
    return byte(i) >= low && byte(i) <= high;
  };
  const int lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return within(1, 0x80, 0xbf) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const int low = lead == 0xe0 ? 0xa0 : 0x80;   // no overlong form
    const int high = lead == 0xed ? 0x9f : 0xbf;  // no surrogate
    return within(1, low, high) && within(2, 0x80, 0xbf) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const int low = lead == 0xf0 ? 0x90 : 0x80;
    const int high = lead == 0xf4 ? 0x8f : 0xbf;
    return within(1, low, high) && within(2, 0x80, 0xbf) && within(3, 0x80, 0xbf) ? 4 : 0;
  }
  return 0;
}

void AppendEscaped(char c, std::string* out) {
  if (c == '"' || c == '\\') {
    out->append({'\\', c});
  } else if (c == '\n') {
    out->append("\\n");
  } else if (absl::ascii_iscntrl(static_cast<uint8_t>(c))) {
    absl::StrAppendFormat(out, "\\u%04x", static_cast<uint8_t>(c));
  } else {
    out->push_back(c);
  }
}

std::string Quoted(absl::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    if (length == 1) AppendEscaped(text.front(), &out);
    if (length > 1) absl::StrAppend(&out, text.substr(0, length));
    if (length == 0) out.append("\xef\xbf\xbd");
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out.push_back('"');
  return out;
}

// The shortest decimal that reads back as the same double. JSON knows no infinity.
std::string Number(double value) {
  if (!std::isfinite(value)) return "null";
  for (int digits = 6; digits < 17; ++digits) {
    std::string text = absl::StrFormat("%.*g", digits, value);
    double back = 0;
    if (absl::SimpleAtod(text, &back) && back == value) return text;
  }
  return absl::StrFormat("%.17g", value);
}

std::string Microseconds(int64_t ns) { return absl::StrFormat("%d.%03d", ns / 1000, ns % 1000); }

absl::string_view SourceName(TimelineSource source) {
  switch (source) {
    case MEASURED:
      return "measured";
    case MODELLED:
      return "modelled";
    case SIMULATED:
      return "simulated";
    default:
      return "source unknown";
  }
}

// A metadata event: a name, or a place in the order.
std::string Metadata(absl::string_view what, size_t process, size_t thread,
                     absl::string_view args) {
  return absl::StrFormat(R"({"ph":"M","name":"%s","pid":%d,"tid":%d,"args":{%s}})", what, process,
                         thread, args);
}

std::string Args(const TimelineEvent& event) {
  std::vector<std::string> args;
  if (event.flops() != 0) args.push_back(absl::StrCat("\"flops\":", Number(event.flops())));
  if (event.bytes() != 0) args.push_back(absl::StrCat("\"bytes\":", Number(event.bytes())));
  if (!event.origin().empty()) args.push_back(absl::StrCat("\"origin\":", Quoted(event.origin())));
  if (!event.reason().empty()) args.push_back(absl::StrCat("\"reason\":", Quoted(event.reason())));
  if (event.step() >= 0) args.push_back(absl::StrCat("\"step\":", event.step()));
  return absl::StrJoin(args, ",");
}

std::string Slice(const TimelineEvent& event, size_t process) {
  const std::string category = event.category().empty() ? "event" : event.category();
  return absl::StrFormat(
      R"({"ph":"X","name":%s,"cat":%s,"pid":%d,"tid":%d,"ts":%s,"dur":%s,"args":{%s}})",
      Quoted(event.name()), Quoted(category), process, event.lane() + 1,
      Microseconds(event.start_ns()), Microseconds(event.duration_ns()), Args(event));
}

// Processes and threads count from 1: viewers take 0 for the idle task.
void AppendTimeline(const Timeline& timeline, size_t process, std::vector<std::string>* lines) {
  const std::string title = absl::StrCat(timeline.name(), timeline.name().empty() ? "" : " ", "(",
                                         SourceName(timeline.source()), ")");
  lines->push_back(Metadata("process_name", process, 0, absl::StrCat("\"name\":", Quoted(title))));
  lines->push_back(
      Metadata("process_sort_index", process, 0, absl::StrCat("\"sort_index\":", process)));
  for (int lane = 0; lane < timeline.lanes_size(); ++lane) {
    const size_t thread = lane + 1;
    lines->push_back(Metadata("thread_name", process, thread,
                              absl::StrCat("\"name\":", Quoted(timeline.lanes(lane)))));
    lines->push_back(
        Metadata("thread_sort_index", process, thread, absl::StrCat("\"sort_index\":", lane)));
  }
  for (const TimelineEvent& event : timeline.events()) lines->push_back(Slice(event, process));
}

}  // namespace

std::string ToChromeTrace(absl::Span<const Timeline> timelines) {
  std::vector<std::string> lines;
  for (size_t i = 0; i < timelines.size(); ++i) AppendTimeline(timelines[i], i + 1, &lines);
  return absl::StrCat("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n",
                      absl::StrJoin(lines, ",\n"), "\n]}\n");
}

}  // namespace strata::chips
