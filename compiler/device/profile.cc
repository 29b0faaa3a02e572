#include "compiler/device/profile.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "chips/cost/roofline.h"
#include "compiler/device/model_device.h"
#include "compiler/plan/explain.h"

namespace strata::compiler {
namespace {

constexpr double kShortCall = 30e-6;  // seconds; below this, starting threads is a good part of it
constexpr int kPlotWidth = 72, kPlotHeight = 18;
constexpr size_t kLetters = 26;

// "f32[64,768]"
std::string TypeName(const plan::Plan& plan, uint32_t id) {
  const plan::Buffer& buffer = plan.buffers(static_cast<int>(id));
  return absl::StrCat(chips::DTypeName(buffer.dtype()), "[", absl::StrJoin(buffer.dims(), ","),
                      "]");
}

// What a row's steps have in common.
std::string RowName(const plan::Plan& plan, const plan::Step& step) {
  const std::string name = plan::KernelName(plan, step);
  if (step.has_launch() && IsProduct(plan, step) && step.writes_size() > 0)
    return absl::StrCat(name, " -> ", TypeName(plan, step.writes(0)));
  if (!step.has_library_call()) return name;
  std::vector<std::string> operands;  // the first two tell calls apart
  for (int i = 0; i < std::min(step.reads_size(), 2); ++i)
    operands.push_back(TypeName(plan, step.reads(i)));
  return absl::StrCat(name, "(", absl::StrJoin(operands, ", "), ")");
}

// What the counted work does not show, by routine.
const std::map<std::string, std::string>& RoutineNotes() {
  static const auto* notes = new std::map<std::string, std::string>{
      {"attention", "an exponential counts one FLOP and costs about twenty instructions"},
      {"attention_gradient", "an exponential counts one FLOP and costs about twenty instructions"},
      {"cross_entropy", "an exponential counts one FLOP and costs about twenty instructions"},
      {"cross_entropy_gradient",
       "an exponential counts one FLOP and costs about twenty instructions"},
      {"embedding", "rows lie apart in memory"},
      {"embedding_gradient", "rows lie apart in memory, and the table is cleared first"},
  };
  return *notes;
}

// Why a kernel is far from its roof.
std::string NoteOf(const plan::Plan& plan, const plan::Step& step, const ProfileRow& row,
                   double per_call) {
  if (row.RoofFraction() >= kNearRoof) return "";
  if (step.has_host_call()) return "runs on the reference kernel: no fast kernel covers it";
  if (step.has_collective()) return "waits for other ranks";
  if (per_call < kShortCall) {
    return absl::StrFormat("%.1f us a call: starting and joining threads is a good part of it",
                           per_call * 1e6);
  }
  if (step.has_library_call()) {
    auto it = RoutineNotes().find(step.library_call().routine());
    if (it != RoutineNotes().end()) return it->second;
  }
  if (IsProduct(plan, step)) return "operands are packed and the edges of tiles padded";
  if (row.flops > row.bytes)
    return "bound by its arithmetic: roots, divisions and exponentials count one FLOP each";
  return "reads and writes several streams at once, some of them fresh from the other core's cache";
}

std::string Human(double value) { return absl::StrFormat("%.3g", value); }

}  // namespace

absl::StatusOr<std::vector<ProfileRow>> ProfileByKernel(const plan::Plan& plan,
                                                        const chips::Timeline& measured,
                                                        const chips::Chip& chip) {
  STRATA_ASSIGN_OR_RETURN(const chips::Timeline predicted, PredictTimeline(plan, chip));
  std::vector<double> roof(static_cast<size_t>(plan.steps_size()), 0.0);
  std::vector<bool> compute(roof.size(), false);
  for (const chips::TimelineEvent& event : predicted.events()) {
    if (event.step() < 0) continue;
    roof[static_cast<size_t>(event.step())] = static_cast<double>(event.duration_ns()) / 1e9;
    compute[static_cast<size_t>(event.step())] = event.reason() == "compute";
  }
  std::map<std::string, ProfileRow> rows;
  std::map<std::string, int> example;
  for (const chips::TimelineEvent& event : measured.events()) {
    if (event.step() < 0 || event.step() >= plan.steps_size()) {
      return absl::InvalidArgumentError(absl::StrCat("timeline '", measured.name(), "': event '",
                                                     event.name(), "' is of no step of plan '",
                                                     plan.name(), "'"));
    }
    const plan::Step& step = plan.steps(event.step());
    ProfileRow& row = rows[RowName(plan, step)];
    row.kernel = RowName(plan, step);
    example[row.kernel] = event.step();
    ++row.calls;
    row.seconds += static_cast<double>(event.duration_ns()) / 1e9;
    row.roof_seconds += roof[static_cast<size_t>(event.step())];
    row.flops += step.flops();
    row.bytes += step.bytes_read() + step.bytes_written();
    row.compute_bound = compute[static_cast<size_t>(event.step())];
  }
  std::vector<ProfileRow> sorted;
  for (auto& [name, row] : rows) {
    row.note = NoteOf(plan, plan.steps(example[name]), row, row.seconds / row.calls);
    sorted.push_back(std::move(row));
  }
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const ProfileRow& a, const ProfileRow& b) { return a.seconds > b.seconds; });
  return sorted;
}

std::string ProfileTable(const std::vector<ProfileRow>& rows) {
  double total = 0;
  for (const ProfileRow& row : rows) total += row.seconds;
  std::string text = absl::StrFormat("   %9s %6s %5s %9s %8s %6s  %s\n", "time", "share", "calls",
                                     "GFLOP/s", "GB/s", "roof", "kernel");
  for (size_t i = 0; i < rows.size(); ++i) {
    const ProfileRow& row = rows[i];
    absl::StrAppendFormat(
        &text, "%s  %6.2f ms %5.1f%% %5d %9s %8s %5.0f%%  %s\n",
        i < kLetters ? std::string(1, static_cast<char>('a' + i)) : " ", row.seconds * 1e3,
        100 * row.seconds / std::max(total, 1e-12), row.calls, Human(row.flops / row.seconds / 1e9),
        Human(row.bytes / row.seconds / 1e9), 100 * row.RoofFraction(), row.kernel);
    if (!row.note.empty()) absl::StrAppend(&text, "       below its roof: ", row.note, "\n");
  }
  return text;
}

absl::StatusOr<std::string> RooflinePlot(const std::vector<ProfileRow>& rows,
                                         const chips::Chip& chip, chips::DType dtype) {
  STRATA_ASSIGN_OR_RETURN(const double peak, chips::PeakFlops(chip, dtype, /*matmul=*/true));
  STRATA_ASSIGN_OR_RETURN(const double bandwidth, chips::MainBandwidth(chip));
  // log2 of FLOPs a byte, and of GFLOP/s.
  const double left = -4, right = 10, top = std::ceil(std::log2(peak / 1e9)) + 0.5,
               bottom = top - 9;
  std::vector<std::string> grid(kPlotHeight, std::string(kPlotWidth, ' '));
  const auto column = [&](double intensity) {
    return static_cast<int>(std::lround((intensity - left) / (right - left) * (kPlotWidth - 1)));
  };
  const auto line = [&](double rate) {
    return static_cast<int>(std::lround((top - rate) / (top - bottom) * (kPlotHeight - 1)));
  };
  const auto put = [&](int x, int y, char c) {
    if (x >= 0 && x < kPlotWidth && y >= 0 && y < kPlotHeight)
      grid[static_cast<size_t>(y)][static_cast<size_t>(x)] = c;
  };
  for (int x = 0; x < kPlotWidth; ++x) {
    const double intensity = left + (right - left) * x / (kPlotWidth - 1);
    const double rate = std::log2(std::min(peak, bandwidth * std::exp2(intensity)) / 1e9);
    put(x, line(rate), rate >= std::log2(peak / 1e9) ? '-' : '/');
  }
  for (size_t i = std::min(rows.size(), kLetters); i-- > 0;) {
    const ProfileRow& row = rows[i];
    if (row.flops <= 0 || row.bytes <= 0) continue;
    const double rate = std::log2(row.flops / row.seconds / 1e9);
    put(std::clamp(column(std::log2(row.flops / row.bytes)), 0, kPlotWidth - 1),
        std::clamp(line(rate), 0, kPlotHeight - 1), static_cast<char>('a' + i));
  }
  std::string text = absl::StrFormat("  GFLOP/s; roof %.0f GFLOP/s (%s) and %.1f GB/s\n",
                                     peak / 1e9, chips::DTypeName(dtype), bandwidth / 1e9);
  for (int y = 0; y < kPlotHeight; ++y) {
    const double rate = top - (top - bottom) * y / (kPlotHeight - 1);
    absl::StrAppendFormat(&text, "%8.3g |%s\n", std::exp2(rate), grid[static_cast<size_t>(y)]);
  }
  absl::StrAppend(&text, "         +", std::string(kPlotWidth, '-'), "\n", std::string(10, ' '));
  std::string labels(kPlotWidth, ' ');
  for (int power = static_cast<int>(left); power <= right; power += 2) {
    const std::string label = absl::StrFormat("%.3g", std::exp2(power));
    const size_t at = std::min(static_cast<size_t>(column(power)), kPlotWidth - label.size());
    labels.replace(at, label.size(), label);
  }
  return absl::StrCat(text, labels, "  FLOP/byte\n");
}

}  // namespace strata::compiler
