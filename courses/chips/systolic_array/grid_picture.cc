#include "courses/chips/systolic_array/grid_picture.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "courses/lab/plot_format.h"

namespace strata::courses {
namespace {

using chips::systolic::Dataflow;
using chips::systolic::GridFrame;
using chips::systolic::GridOperand;
using chips::systolic::PeState;

constexpr double kCell = 56;
constexpr double kHeader = 66;
constexpr int64_t kWaiting = 2;  // cells outside in which waiting operands are drawn
constexpr double kLeft = 8 + kWaiting * kPitch;
constexpr double kTop = kHeader + kWaiting * kPitch;

bool OutputsRest(const GridTrace& trace) { return trace.dataflow == Dataflow::kOutputStationary; }

const PeState& At(const GridTrace& trace, const GridFrame& frame, int64_t r, int64_t c) {
  return frame.pes[static_cast<size_t>(r * trace.array.columns + c)];
}

// Where in a cell each register is drawn.
struct Spot {
  double x, y, width;
  const char* colour;
  const char* name;
};
constexpr Spot kLeftSpot = {15, 15, 24, "c0", "left"};
constexpr Spot kAboveSpot = {41, 15, 24, "c2", "above"};
constexpr Spot kWeightSpot = {41, 15, 24, "c2", "weight"};
constexpr Spot kSumSpot = {28, 41, 36, "c1", "sum"};

// A number in its box at cell (r, c); cells outside count from -1 or on from the last.
std::string Token(const Spot& spot, int64_t r, int64_t c, int64_t value, bool waits = false) {
  const double x = kLeft + static_cast<double>(c) * kPitch + spot.x;
  const double y = kTop + static_cast<double>(r) * kPitch + spot.y;
  std::string out =
      absl::StrCat("<g", waits ? " opacity=\".45\"" : "", "><rect class=\"box ", spot.colour,
                   "\" x=\"", Coordinate(x - spot.width / 2), "\" y=\"", Coordinate(y - 9));
  absl::StrAppend(&out, "\" width=\"", Coordinate(spot.width), "\" height=\"18\" rx=\"4\"/>",
                  "<text class=\"inside\" text-anchor=\"middle\" x=\"", Coordinate(x), "\" y=\"",
                  Coordinate(y + 4));
  if (!waits) absl::StrAppend(&out, "\" data-pe=\"", r, ",", c, "\" data-is=\"", spot.name);
  absl::StrAppend(&out, "\">", value, "</text></g>\n");
  return out;
}

std::string Label(double x, double y, absl::string_view text, absl::string_view css = "label") {
  return absl::StrCat("<text class=\"", css, "\" x=\"", Coordinate(x), "\" y=\"", Coordinate(y),
                      "\">", EscapeXml(text), "</text>\n");
}

double Width(const GridTrace& trace) {
  return kLeft + static_cast<double>(trace.array.columns) * kPitch + 4;
}

// Below the cells one row more, for sums that leave.
double Height(const GridTrace& trace) {
  return kTop + static_cast<double>(trace.array.rows + 1) * kPitch;
}

// Operands that enter column 0 (row 0) in `d` cycles wait as many cells outside.
std::string Waiting(const GridTrace& trace, size_t now, bool left, int64_t d) {
  if (now + static_cast<size_t>(d) >= trace.frames.size()) return "";
  std::string out;
  const GridFrame& later = trace.frames[now + static_cast<size_t>(d)];
  const int64_t lanes = left ? trace.array.rows : trace.array.columns;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    const PeState& state = left ? At(trace, later, lane, 0) : At(trace, later, 0, lane);
    const GridOperand& operand = left ? state.from_left : state.from_above;
    if (!left && later.loads) {
      out += Token(kWeightSpot, -d, lane, state.weight, true);
    } else if (operand.valid) {
      out += left ? Token(kLeftSpot, lane, -d, operand.value, true)
                  : Token(kAboveSpot, -d, lane, operand.value, true);
    }
  }
  return out;
}

// Sums that stood in the last row a cycle ago (ws) have left.
std::string Leaving(const GridTrace& trace, size_t frame) {
  std::string out;
  if (OutputsRest(trace) || frame == 0) return out;
  for (int64_t c = 0; c < trace.array.columns; ++c) {
    const PeState& foot = At(trace, trace.frames[frame - 1], trace.array.rows - 1, c);
    if (foot.works) out += Token(kSumSpot, trace.array.rows, c, foot.sum);
  }
  return out;
}

void AddCell(const GridTrace& trace, const GridFrame& frame, int64_t r, int64_t c,
             Picture* picture) {
  const PeState& state = At(trace, frame, r, c);
  if (state.works) {
    absl::StrAppend(&picture->rests, "<rect class=\"band\" x=\"",
                    Coordinate(kLeft + static_cast<double>(c) * kPitch), "\" y=\"",
                    Coordinate(kTop + static_cast<double>(r) * kPitch), "\" width=\"", kCell,
                    "\" height=\"", kCell, "\" rx=\"6\"/>\n");
  }
  if (state.from_left.valid) {
    picture->goes_right += Token(kLeftSpot, r, c, state.from_left.value);
  }
  if (OutputsRest(trace)) {
    if (state.from_above.valid) {
      picture->falls += Token(kAboveSpot, r, c, state.from_above.value);
    }
    picture->rests += Token(kSumSpot, r, c, state.sum);
    return;
  }
  (frame.loads ? picture->falls : picture->rests) += Token(kWeightSpot, r, c, state.weight);
  // A column's first sum begins where it is.
  if (state.works) (r == 0 ? picture->rests : picture->falls) += Token(kSumSpot, r, c, state.sum);
}

std::string Matrix(const chips::systolic::IntMatrix& matrix) {
  std::vector<std::string> rows;
  for (int64_t r = 0; r < matrix.rows; ++r) {
    std::vector<int64_t> row;
    for (int64_t c = 0; c < matrix.columns; ++c) row.push_back(matrix.At(r, c));
    rows.push_back(absl::StrJoin(row, " "));
  }
  return absl::StrJoin(rows, "; ");
}

}  // namespace

int64_t WorkingCells(const GridFrame& frame) {
  int64_t working = 0;
  for (const PeState& state : frame.pes) working += state.works;
  return working;
}

std::string OpenPicture(const GridTrace& trace, double scale) {
  const std::string name = OutputsRest(trace) ? "Outputs at rest" : "Weights at rest";
  const std::string text = absl::StrCat(name, ": a ", trace.array.rows, " x ", trace.array.columns,
                                        " array computes C = A B in ", trace.frames.size(),
                                        " cycles. A = [", Matrix(trace.a), "], B = [",
                                        Matrix(trace.b), "], C = [", Matrix(trace.product), "].");
  std::string svg = absl::StrCat(
      "<svg class=\"plot\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ",
      Coordinate(Width(trace)), " ", Coordinate(Height(trace)), "\" width=\"",
      Coordinate(scale * Width(trace)), "\" height=\"", Coordinate(scale * Height(trace)), "\"");
  absl::StrAppend(&svg, scale == 1 ? " tabindex=\"0\"" : "", " role=\"img\" aria-label=\"",
                  EscapeXml(text), "\">\n");
  const std::string legend =
      OutputsRest(trace) ? "A goes right, B falls, sums stay" : "A goes right, sums fall, B stays";
  return absl::StrCat(svg, Label(8, 18, name, "title"), Label(8, 58, legend));
}

std::string Cells(const GridTrace& trace) {
  std::string out;
  for (int64_t r = 0; r < trace.array.rows; ++r) {
    for (int64_t c = 0; c < trace.array.columns; ++c) {
      absl::StrAppend(&out, "<rect x=\"", Coordinate(kLeft + static_cast<double>(c) * kPitch),
                      "\" y=\"", Coordinate(kTop + static_cast<double>(r) * kPitch), "\" width=\"",
                      kCell, "\" height=\"", kCell,
                      "\" rx=\"6\" style=\"fill:none;stroke:var(--axis)\"/>\n");
    }
  }
  return out;
}

Picture FramePicture(const GridTrace& trace, size_t frame) {
  Picture picture;
  const GridFrame& now = trace.frames[frame];
  const int64_t working = WorkingCells(now);
  picture.rests =
      Label(8, 38,
            absl::StrCat("cycle ", frame + 1, " of ", trace.frames.size(), ": ",
                         now.loads ? "weights load"
                                   : absl::StrCat(working, working == 1 ? " cell multiplies"
                                                                        : " cells multiply")));
  for (int64_t r = 0; r < trace.array.rows; ++r) {
    for (int64_t c = 0; c < trace.array.columns; ++c) AddCell(trace, now, r, c, &picture);
  }
  picture.falls += Leaving(trace, frame);
  for (int64_t d = 1; d <= kWaiting;
       ++d) {  // the furthest appear where they are: beyond is no room
    (d < kWaiting ? picture.goes_right : picture.rests) += Waiting(trace, frame, true, d);
    (d < kWaiting ? picture.falls : picture.rests) += Waiting(trace, frame, false, d);
  }
  return picture;
}

Picture ResultPicture(const GridTrace& trace) {
  Picture picture;
  picture.rests = Label(8, 38, absl::StrCat("C = [", Matrix(trace.product), "]"));
  for (int64_t r = 0; r < trace.array.rows; ++r) {
    for (int64_t c = 0; c < trace.array.columns; ++c) {
      const PeState& state = At(trace, trace.frames.back(), r, c);
      picture.rests += OutputsRest(trace) ? Token(kSumSpot, r, c, state.sum)
                                          : Token(kWeightSpot, r, c, state.weight);
    }
  }
  picture.falls = Leaving(trace, trace.frames.size());
  return picture;
}

std::string Sentence(const GridTrace& trace, size_t frame) {
  const GridFrame& now = trace.frames[frame];
  const std::string cycle = absl::StrCat("cycle ", frame + 1, ": ");
  if (now.loads) return absl::StrCat(cycle, "the weights move down a row, and one row enters");
  std::vector<std::string> parts = {
      absl::StrCat(WorkingCells(now), " of ", now.pes.size(), " cells multiply")};
  for (int64_t r = 0; r < trace.array.rows; ++r) {
    for (int64_t c = 0; c < trace.array.columns; ++c) {
      const PeState& state = At(trace, now, r, c);
      if (!state.works) continue;
      const int64_t time = state.from_left.time;
      const bool done =
          OutputsRest(trace) ? time == trace.a.columns - 1 : r == trace.array.rows - 1;
      if (!done || c >= trace.product.columns) continue;
      const int64_t row = OutputsRest(trace) ? r : time;
      if (row >= trace.product.rows) continue;
      parts.push_back(absl::StrCat("C[", row, "][", c, "] = ", state.sum, " is complete"));
    }
  }
  return absl::StrCat(cycle, absl::StrJoin(parts, "; "));
}

}  // namespace strata::courses
