#include "courses/chips/systolic_array/animation.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "courses/chips/systolic_array/grid_picture.h"
#include "courses/lab/plot_format.h"

namespace strata::courses {
namespace {

using chips::systolic::ArrayShape;
using chips::systolic::Dataflow;
using chips::systolic::GridFrame;
using chips::systolic::GridRun;
using chips::systolic::IntMatrix;

constexpr int64_t kMostSide = 6;
constexpr size_t kResultSlots = 2;  // how long, in cycles, the result stays

// The frame that stands for all where nothing moves: the first of those with the most work.
size_t Busiest(const GridTrace& trace) {
  size_t best = 0;
  for (size_t i = 0; i < trace.frames.size(); ++i) {
    if (WorkingCells(trace.frames[i]) > WorkingCells(trace.frames[best])) best = i;
  }
  return best;
}

// All groups share one clock of as many slots as there are pictures; each is late by its own place. ID-f
// shows its slot, ID-r and ID-d come from the cell to the left or above in the first half of it.
std::string Style(const std::string& id, size_t frames, double seconds) {
  const double slots = static_cast<double>(frames + kResultSlots);
  const std::string slot = Coordinate(100 / slots), half = Coordinate(50 / slots);
  const std::string last = Coordinate(100.0 * kResultSlots / slots);
  const std::string clock = absl::StrCat(Coordinate(seconds * slots), "s");
  const auto shown = [&](const char* name, const std::string& until) {
    return absl::StrCat("@keyframes ", id, "-", name, "{0%{visibility:visible}", until,
                        "%{visibility:hidden}100%{visibility:hidden}}\n");
  };
  const auto slides = [&](const char* name, const char* axis) {
    return absl::StrCat("@keyframes ", id, "-", name, "{0%{transform:translate", axis, "(-",
                        Coordinate(kPitch), "px)}", half,
                        "%{transform:none}100%{transform:none}}\n");
  };
  const std::string moving = absl::StrCat("svg .", id, "-f,svg .", id, "-r,svg .", id, "-d");
  std::string css = absl::StrCat(
      shown("show", slot), shown("last", last), slides("right", "X"), slides("down", "Y"), ".", id,
      "-f{visibility:hidden;animation:", id, "-show ", clock, " step-end infinite}\n.", id, "-f.",
      id, "-end{animation-name:", id, "-last}\n.", id, "-r{animation:", id, "-right ", clock,
      " ease-in-out infinite}\n.", id, "-d{animation:", id, "-down ", clock,
      " ease-in-out infinite}\n");
  absl::StrAppend(&css, "svg:hover .", id, "-f,svg:hover .", id, "-r,svg:hover .", id,
                  "-d,svg:focus .", id, "-f,svg:focus .", id, "-r,svg:focus .", id,
                  "-d,.sa-pause:checked~div .", id, "-f,.sa-pause:checked~div .", id,
                  "-r,.sa-pause:checked~div .", id, "-d{animation-play-state:paused}\n");
  const std::string still = absl::StrCat("{", moving, "{animation:none}.", id, "-f.", id,
                                         "-still{visibility:visible}}\n");
  absl::StrAppend(&css, "@media (prefers-reduced-motion:reduce)", still, "@media print", still);
  return css;
}

std::string FrameGroup(const GridTrace& trace, const std::string& id, size_t frame, double seconds,
                       bool still) {
  const double slots = static_cast<double>(trace.frames.size() + kResultSlots);
  const std::string delay = absl::StrCat(
      "style=\"animation-delay:", Coordinate((static_cast<double>(frame) - slots) * seconds),
      "s\"");
  const bool end = frame == trace.frames.size();
  std::string out = absl::StrCat(
      "<g class=\"", id, "-f", still ? absl::StrCat(" ", id, "-still") : "",
      end ? absl::StrCat(" ", id, "-end") : "", "\" data-cycle=\"", frame, "\" ", delay, ">\n");
  const Picture picture = end ? ResultPicture(trace) : FramePicture(trace, frame);
  absl::StrAppend(&out, picture.rests, "<g class=\"", id, "-r\" ", delay, ">\n", picture.goes_right,
                  "</g>\n<g class=\"", id, "-d\" ", delay, ">\n", picture.falls, "</g>\n</g>\n");
  return out;
}

}  // namespace

absl::StatusOr<GridTrace> TraceGrid(const IntMatrix& a, const IntMatrix& b, const ArrayShape& array,
                                    Dataflow dataflow) {
  if (dataflow == Dataflow::kInputStationary) {
    return absl::InvalidArgumentError(
        "dataflow: is has the grid of ws; trace that for the transposes");
  }
  if (array.rows > kMostSide || array.columns > kMostSide) {
    return absl::InvalidArgumentError(absl::StrCat("array: ", array.rows, " x ", array.columns,
                                                   " is too large to draw; give at most ",
                                                   kMostSide, " rows and columns"));
  }
  GridTrace trace{array, dataflow, a, b, IntMatrix(0, 0), {}};
  STRATA_ASSIGN_OR_RETURN(
      GridRun run, RunSerial(a, b, array, dataflow,
                             [&](const GridFrame& frame) { trace.frames.push_back(frame); }));
  if (trace.frames.back().row0 != 0 || trace.frames.back().column0 != 0) {
    return absl::InvalidArgumentError(absl::StrCat("the product takes more than one fold of a ",
                                                   array.rows, " x ", array.columns, " array"));
  }
  trace.product = std::move(run.product);
  return trace;
}

std::string AnimationSvg(const GridTrace& trace, const std::string& id, double seconds) {
  std::string svg = OpenPicture(trace, /*scale=*/1);
  absl::StrAppend(&svg, "<style>\n", Style(id, trace.frames.size(), seconds), "</style>\n");
  absl::StrAppend(&svg, Cells(trace));
  const size_t still = Busiest(trace);
  for (size_t frame = 0; frame <= trace.frames.size(); ++frame) {
    svg += FrameGroup(trace, id, frame, seconds, frame == still);
  }
  return svg + "</svg>\n";
}

std::string FrameSvg(const GridTrace& trace, const std::string& id, size_t frame) {
  const Picture picture = FramePicture(trace, frame);
  return absl::StrCat(OpenPicture(trace, /*scale=*/0.6), Cells(trace), "<g class=\"", id,
                      "-strip\" data-cycle=\"", frame, "\">\n", picture.rests, picture.goes_right,
                      picture.falls, "</g>\n</svg>\n");
}

std::string Animated(const std::vector<std::string>& svgs) {
  std::string out =
      "<input type=\"checkbox\" class=\"sa-pause\" id=\"sa-pause\"/>"
      "<label for=\"sa-pause\"> Pause (so does pointing at a picture)</label>\n"
      "<div style=\"display:flex;flex-wrap:wrap;justify-content:space-evenly;gap:8px\">\n";
  for (const std::string& svg : svgs) out += svg;
  return out + "</div>\n";
}

std::string FilmStrip(const GridTrace& trace, const std::string& id) {
  std::string out = "<div style=\"display:flex;flex-wrap:wrap;gap:8px\">\n";
  for (size_t frame = 0; frame < trace.frames.size(); ++frame) {
    out += FrameSvg(trace, id, frame);
  }
  return out + "</div>\n";
}

std::vector<std::string> DescribeFrames(const GridTrace& trace) {
  std::vector<std::string> sentences;
  for (size_t frame = 0; frame < trace.frames.size(); ++frame) {
    sentences.push_back(Sentence(trace, frame));
  }
  return sentences;
}

}  // namespace strata::courses
