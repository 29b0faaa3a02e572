#include <algorithm>
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "courses/lab/plot_format.h"
#include "courses/lab/svg_canvas.h"
#include "courses/lab/svg_plot.h"

namespace strata::courses {
namespace {

constexpr size_t kMostLabels = 16;

bool Positive(double value) { return IsShowable(value, {.log = true}); }

// Roofs take the first colours, groups of points the next; groups also have a shape each.
struct Content {
  std::vector<Roof> roofs;
  std::vector<RooflinePoint> points;
  std::map<std::string, size_t> groups;
  std::vector<std::string> group_names;

  std::string CssOf(size_t group) const {
    return absl::StrCat("dot ", ColourClass(roofs.size() + group));
  }
};

Content ContentOf(const std::vector<Roof>& roofs, const std::vector<RooflinePoint>& points) {
  Content content;
  for (const Roof& roof : roofs) {
    if (Positive(roof.peak_flops) && Positive(roof.bandwidth)) content.roofs.push_back(roof);
  }
  for (const RooflinePoint& point : points) {
    if (!Positive(point.intensity) || !Positive(point.flops)) continue;
    content.points.push_back(point);
    if (content.groups.emplace(point.group, content.group_names.size()).second) {
      content.group_names.push_back(point.group);
    }
  }
  return content;
}

std::vector<LegendEntry> LegendOf(const Content& content) {
  std::vector<LegendEntry> legend;
  for (size_t i = 0; i < content.roofs.size(); ++i) {
    legend.push_back({content.roofs[i].name, absl::StrCat("line ", ColourClass(i)), true});
  }
  for (size_t i = 0; i < content.group_names.size(); ++i) {
    if (content.group_names[i].empty()) continue;
    legend.push_back({content.group_names[i], content.CssOf(i), false, static_cast<int>(i)});
  }
  return legend;
}

void DrawRoof(const Roof& roof, size_t index, const std::string& unit, Frame* frame) {
  const double ridge = roof.peak_flops / roof.bandwidth;
  const auto corner = [&](double intensity) {
    const double flops = std::min(roof.peak_flops, roof.bandwidth * intensity);
    return absl::StrCat(Coordinate(frame->x(intensity)), " ", Coordinate(frame->y(flops)));
  };
  frame->svg.Path(
      absl::StrCat("M", corner(frame->x.low), "L", corner(ridge), "L", corner(frame->x.high)),
      absl::StrCat("line ", ColourClass(index)),
      absl::StrCat(roof.name, "\n", SiNumber(roof.peak_flops, unit), ", ",
                   SiNumber(roof.bandwidth, "B/s"), "\nridge at ", SiNumber(ridge),
                   " for each byte"));
}

// Names beside their points, where they cover nothing; the tooltips have all of them.
class Labels {
 public:
  void Cover(double x, double y) { covered_.push_back({x - 4, x + 4, y}); }

  void Add(double x, double y, const std::string& name, Frame* frame) {
    const double width = TextWidth(name, 10);
    for (const double side : {8.0, -8 - width}) {
      for (const double below : {6.0, -6.0}) {
        const Place place{x + side, x + side + width, y + below};
        if (!IsFree(place, *frame)) continue;
        covered_.push_back(place);
        return frame->svg.Text(place.start, place.y + 4, name, "value");
      }
    }
  }

 private:
  struct Place {
    double start, end, y;  // of its middle
  };

  bool IsFree(const Place& place, const Frame& frame) const {
    const auto apart = [&](const Place& other) {
      return place.start > other.end || place.end < other.start || std::abs(place.y - other.y) > 10;
    };
    return place.start > frame.left && place.end < frame.right &&
           std::all_of(covered_.begin(), covered_.end(), apart);
  }

  std::vector<Place> covered_;
};

void DrawPoints(const Content& content, const std::string& unit, Frame* frame) {
  Labels labels;
  for (const RooflinePoint& point : content.points) {
    const size_t group = content.groups.at(point.group);
    const double x = frame->x(point.intensity), y = frame->y(point.flops);
    frame->svg.Marker(x, y, group, content.CssOf(group),
                      absl::StrCat(point.name, "\n", SiNumber(point.flops, unit), ", ",
                                   SiNumber(point.intensity), " for each byte"));
    labels.Cover(x, y);
  }
  if (content.points.size() > kMostLabels) return;
  for (const RooflinePoint& point : content.points)
    labels.Add(frame->x(point.intensity), frame->y(point.flops), point.name, frame);
}

}  // namespace

std::string RooflinePlot(const PlotOptions& given, const std::vector<Roof>& roofs,
                         const std::vector<RooflinePoint>& points) {
  PlotOptions options = given;
  if (options.x.label.empty()) options.x.label = "intensity (FLOP per byte)";
  if (options.y.label.empty()) options.y.label = "performance";
  if (options.y.unit.empty()) options.y.unit = "FLOP/s";
  options.x.log = options.y.log = true;
  const Content content = ContentOf(roofs, points);
  Range x{};
  Range y{};
  for (const RooflinePoint& point : content.points) {
    x.Add(point.intensity, options.x);
    y.Add(point.flops, options.y);
  }
  for (const Roof& roof : content.roofs) x.Add(roof.peak_flops / roof.bandwidth, options.x);
  if (x.empty) return EmptyPlot(options);
  x = {x.low / 4, x.high * 4, false};
  for (const Roof& roof : content.roofs) {
    y.Add(1.5 * roof.peak_flops, options.y);
    y.Add(std::min(roof.peak_flops, roof.bandwidth * x.low), options.y);
  }
  Frame frame = MakeFrame(options, x, Padded(y, options.y), LegendOf(content));
  for (size_t i = 0; i < content.roofs.size(); ++i)
    DrawRoof(content.roofs[i], i, options.y.unit, &frame);
  DrawPoints(content, options.y.unit, &frame);
  return frame.svg.Finish();
}

}  // namespace strata::courses
