#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>

#include "absl/strings/str_cat.h"
#include "courses/lab/plot_format.h"
#include "courses/lab/svg_canvas.h"
#include "courses/lab/svg_plot.h"

namespace strata::courses {
namespace {

constexpr double kLaneHeight = 30;
constexpr double kLeastWidth = 0.4;  // of a span, in px

// Names in order of appearance -> index.
class Numbering {
 public:
  size_t operator()(const std::string& name) {
    const auto [it, added] = numbers_.try_emplace(name, names_.size());
    if (added) names_.push_back(name);
    return it->second;
  }
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::map<std::string, size_t> numbers_;
  std::vector<std::string> names_;
};

bool IsVisible(const TimelineSpan& span) {
  return IsShowable(span.start, {}) && IsShowable(span.duration, {}) && span.duration >= 0;
}

// Spans of one lane and category whose pixels touch and that are too narrow to be told apart are one box.
struct Box {
  double x;
  double width;
  const TimelineSpan* first;
  int count;
};

void AppendBox(const TimelineSpan& span, const Scale& scale, std::vector<Box>* boxes) {
  const double x = scale(span.start);
  const double width = scale(span.start + span.duration) - x;
  if (!boxes->empty()) {
    Box& last = boxes->back();
    const double end = last.x + last.width;
    if (width < kLeastWidth && last.width < 4 && x - end < kLeastWidth &&
        last.first->category == span.category) {
      last.width = std::max(end, x + width) - last.x;
      ++last.count;
      return;
    }
  }
  boxes->push_back({x, width, &span, 1});
}

std::string Tooltip(const Box& box) {
  const TimelineSpan& span = *box.first;
  const std::string others = box.count > 1 ? absl::StrCat("\nand ", box.count - 1, " more") : "";
  return absl::StrCat(span.name, "\n", SiNumber(span.duration, "s"), " from ",
                      SiNumber(span.start, "s"), span.category.empty() ? "" : "\n", span.category,
                      span.detail.empty() ? "" : "\n", span.detail, others);
}

void DrawBox(const Box& box, double top, size_t colour, Svg* svg) {
  const double height = kLaneHeight - 8;
  const double width = std::max(box.width, kLeastWidth);
  svg->Rect(box.x, top, width, height,
            absl::StrCat("box ", ColourClass(colour), width > 3 ? " edged" : ""), Tooltip(box),
            width > 6 ? "rx=\"2\"" : "");
  const std::string name = box.count > 1 ? "" : FitText(box.first->name, 10, width - 6);
  if (!name.empty()) svg->Text(box.x + 4, top + height / 2 + 3.5, name, "inside");
}

uint32_t HashOf(absl::string_view name) {  // FNV-1a: the same colour everywhere
  uint32_t hash = 2166136261u;
  for (char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
  return hash ^ (hash >> 15);
}

std::string HueOf(absl::string_view name) {
  const uint32_t hash = HashOf(name);
  return absl::StrCat("style=\"--h:", hash % 36 * 10, ";--l:", 52 + hash / 36 % 3 * 7, "%\"");
}

}  // namespace

std::string TimelinePlot(const PlotOptions& given, const std::vector<TimelineSpan>& spans) {
  PlotOptions options = given;
  if (options.x.unit.empty()) options.x.unit = "s";
  options.x.log = false;
  Numbering lanes;
  Numbering categories;
  Range time{};
  std::vector<const TimelineSpan*> visible;
  for (const TimelineSpan& span : spans) {
    if (!IsVisible(span)) continue;
    visible.push_back(&span);
    lanes(span.lane);
    categories(span.category);
    time.Add(span.start, options.x);
    time.Add(span.start + span.duration, options.x);
  }
  if (visible.empty()) return EmptyPlot(options);
  if (time.high - time.low <= 1e-9 * std::abs(time.low)) time = Padded(time, options.x);
  if (time.high <= time.low) time.high = time.low + 1e-9;
  std::stable_sort(
      visible.begin(), visible.end(),
      [](const TimelineSpan* a, const TimelineSpan* b) { return a->start < b->start; });
  std::vector<LegendEntry> legend;
  for (size_t i = 0; i < categories.names().size(); ++i) {
    if (!categories.names()[i].empty())
      legend.push_back({categories.names()[i], "box " + ColourClass(i)});
  }
  Svg measure(options.width, 0, "");
  const double lane_count = static_cast<double>(lanes.names().size());
  const double top = DrawHeader(options, legend, &measure) + 4;
  const double bottom = top + kLaneHeight * lane_count;
  Frame frame{Svg(options.width, bottom + (options.x.label.empty() ? 28 : 46), options.title),
              0,
              top,
              0,
              bottom,
              {},
              {}};
  DrawHeader(options, legend, &frame.svg);
  double widest = 0;
  for (const std::string& lane : lanes.names()) widest = std::max(widest, TextWidth(lane, kFont));
  frame.left = 20 + std::min(widest, options.width * 0.25);
  frame.right = options.width - 18;
  frame.x = {time.low, time.high, frame.left, frame.right, false};
  DrawXAxis(&frame, options.x);
  std::vector<std::vector<Box>> boxes(lanes.names().size());
  for (const TimelineSpan* span : visible) AppendBox(*span, frame.x, &boxes[lanes(span->lane)]);
  for (size_t lane = 0; lane < boxes.size(); ++lane) {
    const double y = top + kLaneHeight * static_cast<double>(lane);
    if (lane > 0) frame.svg.Line(12, y, frame.right, y, "grid");
    frame.svg.Text(frame.left - 8, y + kLaneHeight / 2 + 4,
                   FitText(lanes.names()[lane], kFont, frame.left - 16), "tick", "end");
    for (const Box& box : boxes[lane])
      DrawBox(box, y + 4, categories(box.first->category), &frame.svg);
  }
  return frame.svg.Finish();
}

std::string MemoryPlot(const PlotOptions& given, const std::vector<MemoryBlock>& blocks,
                       double arena_bytes) {
  PlotOptions options = given;
  if (options.x.label.empty()) options.x.label = "step of the plan";
  if (options.y.label.empty()) options.y.label = "offset in the arena";
  options.y.unit = "B";
  options.x.log = options.y.log = false;
  Range steps{};
  Range bytes{};
  std::vector<const MemoryBlock*> visible;
  for (const MemoryBlock& block : blocks) {
    const bool showable = IsShowable(block.first_step, options.x) &&
                          IsShowable(block.last_step, options.x) &&
                          IsShowable(block.offset, options.y) && IsShowable(block.size, options.y);
    if (!showable || block.last_step < block.first_step || block.size <= 0) continue;
    visible.push_back(&block);
    steps.Add(block.first_step, options.x);
    steps.Add(block.last_step + 1, options.x);
    bytes.Add(block.offset + block.size, options.y);
  }
  if (visible.empty()) return EmptyPlot(options);
  bytes.Add(arena_bytes, options.y);
  Frame frame = MakeFrame(options, steps, {0, bytes.high * 1.03, false}, {});
  for (const MemoryBlock* block : visible) {
    const double x = frame.x(block->first_step);
    const double width = frame.x(block->last_step + 1) - x;
    const double y = frame.y(block->offset + block->size);
    const double height = frame.y(block->offset) - y;
    const std::string edged = width > 2.5 && height > 2.5 ? "memory edged" : "memory";
    frame.svg.Rect(
        x, y, std::max(width, 0.5), std::max(height, 0.5), edged,
        absl::StrCat(block->name, "\n", SiNumber(block->size, "B"), " at ",
                     SiNumber(block->offset, "B"), "\nfrom step ", Coordinate(block->first_step),
                     " to ", Coordinate(block->last_step)),
        HueOf(block->name));
    const std::string name = height < 12 ? "" : FitText(block->name, 10, width - 6);
    if (!name.empty()) frame.svg.Text(x + 4, y + height / 2 + 3.5, name, "inside on-light");
  }
  if (IsShowable(arena_bytes, options.y) && arena_bytes > 0) {
    const double y = frame.y(arena_bytes);
    frame.svg.Line(frame.left, y, frame.right, y, "guide");
    frame.svg.Text(frame.right, y - 4, absl::StrCat("arena ", SiNumber(arena_bytes, "B")), "value",
                   "end");
  }
  return frame.svg.Finish();
}

}  // namespace strata::courses
