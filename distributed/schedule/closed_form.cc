#include "distributed/schedule/closed_form.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace strata::schedule {
namespace {

// The symbols of the papers.
struct Symbols {
  int64_t p, m, v;
  int64_t F, B, W;
  int64_t FB;  // F&B
};

ClosedForm Gpipe(const Symbols& s) {
  return {.bubble = (s.p - 1) * (s.F + s.B + s.W),
          .peak_activations = static_cast<double>(s.m),
          .is_exact = true,
          .formula = "(p-1)(F+B)",
          .source = "Huang et al. 2019, arXiv:1811.06965"};
}

ClosedForm OneFOneB(const Symbols& s) {
  return {.bubble = (s.p - 1) * (s.F + s.B + s.W),
          .peak_activations = static_cast<double>(std::min(s.p, s.m)),
          .is_exact = true,
          .formula = "(p-1)(F+B)",
          .source = "Narayanan et al. 2021, arXiv:2104.04473, section 2.2.1"};
}

ClosedForm Interleaved(const Symbols& s) {
  return {.bubble = (s.p - 1) * (s.F + s.B + s.W),
          .peak_activations = static_cast<double>(std::min(s.v * s.p + s.p - 1, s.v * s.m)),
          .is_exact = true,
          .formula = "(p-1)(F+B)/v",
          .source =
              "Narayanan et al. 2021, arXiv:2104.04473, section 2.2.2; activations: "
              "Korthikanti et al. 2022, arXiv:2205.05198, section 4.2.3"};
}

ClosedForm Chimera(const Symbols& s) {
  return {.bubble = (s.p / 2 - 1) * (s.F + s.B + s.W),
          .peak_activations = static_cast<double>(std::min(s.p, s.m)),
          .is_exact = s.F == s.B + s.W && s.m % s.p == 0,
          .formula = "(p/2-1)(F+B)",
          .source = "Li and Hoefler 2021, arXiv:2107.06925, table 2",
          .assumes = "F = B + W, m a multiple of p"};
}

ClosedForm ZbH1(const Symbols& s) {
  return {.bubble = (s.p - 1) * (s.F + s.B - s.W),
          .peak_activations = static_cast<double>(std::min(s.p, s.m)),
          .is_exact = s.W <= s.F && s.W <= s.B && s.m >= s.p,
          .formula = "(p-1)(F+B-W)",
          .source = "Qi et al. 2023, arXiv:2401.10241, table 2",
          .assumes = "W <= F, W <= B, m >= p"};
}

ClosedForm ZbH2(const Symbols& s) {
  return {.bubble = (s.p - 1) * (s.F + s.B - 2 * s.W),
          .of_own_span = true,
          .peak_activations = static_cast<double>(std::min(2 * s.p - 1, s.m)),
          .is_exact = s.W <= s.F && s.W <= s.B && s.m >= 2 * s.p - 1,
          .formula = "(p-1)(F+B-2W)",
          .source = "Qi et al. 2023, arXiv:2401.10241, table 2",
          .assumes = "W <= F, W <= B, m >= 2p-1"};
}

ClosedForm ZbV(const Symbols& s) {
  return {.bubble = 0,
          .of_own_span = true,
          .peak_activations = static_cast<double>(std::min(2 * s.p, 2 * s.m)),
          .is_exact = s.F == s.B && s.B == s.W && s.m >= 2 * s.p - 1,
          .formula = "0",
          .source = "Qi et al. 2024, arXiv:2405.15362",
          .assumes = "F = B = W, m >= 2p-1"};
}

// DualPipe of `half` ranks on either side of the middle.
ClosedForm Dual(const Symbols& s, int64_t half) {
  return {.bubble = (half - 1) * (s.FB + (s.B + s.W) - 3 * s.W),
          .peak_activations = static_cast<double>(2 * half + 1),
          .is_exact = s.F == s.B && s.W <= s.F,
          .formula = "(PP/2-1)(F&B+B-3W)",
          .source = "DeepSeek-AI 2024, arXiv:2412.19437, table 2",
          .assumes = "F = B, W <= F"};
}

ClosedForm DualPipe(const Symbols& s) { return Dual(s, s.p / 2); }
ClosedForm DualPipeV(const Symbols& s) { return Dual(s, s.p); }

struct Row {
  const char* name;
  ClosedForm (*form)(const Symbols&);
};

constexpr Row kRows[] = {
    {"gpipe", Gpipe},     {"1f1b", OneFOneB},     {"interleaved_1f1b", Interleaved},
    {"chimera", Chimera}, {"zb_h1", ZbH1},        {"zb_h2", ZbH2},
    {"zb_v", ZbV},        {"dualpipe", DualPipe}, {"dualpipe_v", DualPipeV},
};

}  // namespace

absl::StatusOr<ClosedForm> ClosedFormOf(const std::string& name, const ScheduleShape& shape,
                                        const SlotTimes& times) {
  if (times.hop != 0 || !times.chunk_scale.empty()) {
    return absl::InvalidArgumentError(
        "times: the closed forms know no hops and no chunks of different size; simulate instead");
  }
  const int64_t whole = times.forward + times.backward_input + times.weight;
  const Symbols symbols = {.p = shape.ranks,
                           .m = shape.microbatches,
                           .v = shape.chunks_per_rank == 0 ? 2 : shape.chunks_per_rank,
                           .F = times.forward,
                           .B = times.backward_input,
                           .W = times.weight,
                           .FB = times.overlapped < 0 ? whole : times.overlapped};
  for (const Row& row : kRows) {
    if (row.name == name) return row.form(symbols);
  }
  return absl::NotFoundError(absl::StrCat("no closed form is known for '", name, "'; simulate it"));
}

}  // namespace strata::schedule
