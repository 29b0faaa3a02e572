#include "compiler/schedule/random_schedule.h"

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/schedule/builders.h"
#include "compiler/schedule/tree.h"

namespace strata::compiler::schedule {
namespace {

class Chooser {
 public:
  explicit Chooser(unsigned seed) : random_(seed) {}
  int64_t Number(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random_() % static_cast<uint64_t>(high - low + 1));
  }
  template <typename T>
  const T& Of(const std::vector<T>& values) {
    return values[static_cast<size_t>(Number(0, static_cast<int64_t>(values.size()) - 1))];
  }

 private:
  std::mt19937_64 random_;
};

Step RandomStep(const Program& program, int number, Chooser* choose) {
  std::vector<std::string> loops, buffers;
  ForEachLoop(program.body, [&](const Loop& loop) { loops.push_back(loop.name); });
  for (const Buffer& buffer : program.buffers) buffers.push_back(buffer.name);
  const auto name = [&](const char* stem) { return absl::StrCat(stem, number); };
  const std::string loop = choose->Of(loops), other = choose->Of(loops),
                    buffer = choose->Of(buffers);
  switch (choose->Number(0, 13)) {
    case 0:
    case 1:
    case 2: {  // no larger than the loop, so that splits do not pile up iterations that do nothing
      int64_t extent = 1;
      ForEachLoop(program.body,
                  [&](const Loop& l) { extent = l.name == loop ? l.extent() : extent; });
      const int64_t factor = choose->Of(std::vector<int64_t>{1, 2, 3, 4, 5, 16});
      return Split{loop, std::max<int64_t>(1, std::min(factor, extent)), name("o"), name("n")};
    }
    case 3:
      return Reorder{{loop, other}};
    case 4:
      return Reorder{{loop, other, choose->Of(loops)}};
    case 5:
      return Fuse{loop, other, name("f")};
    case 6:
      return Mark{loop, choose->Of(std::vector<LoopKind>{LoopKind::kUnrolled, LoopKind::kVector,
                                                         LoopKind::kParallel})};
    case 7:
      return ComputeAt{buffer, loop};
    case 8: {
      const bool root = choose->Number(0, 2) == 0;
      CacheRead step{
          buffer, root ? "root" : loop, name("T"), root ? Scope::kScratch : Scope::kStack, {}};
      const size_t rank = program.FindBuffer(buffer)->dims.size();
      const int64_t modulus = choose->Number(1, 5);
      if (choose->Number(0, 1) == 1) {
        for (size_t d = 0; d < rank; ++d)
          step.layout.push_back({static_cast<int>(d), d == 0 ? modulus : 1, 0, 0});
        if (rank > 0) step.layout.push_back({0, 1, modulus, modulus + choose->Number(0, 2)});
      }
      return step;
    }
    case 9:
      return CacheWrite{buffer, loop, name("W"),
                        choose->Number(0, 1) == 0 ? Scope::kStack : Scope::kRegister};
    case 10:
      return Prefetch{buffer, loop, 1, {other}, choose->Number(0, 1) == 0 ? "" : choose->Of(loops)};
    case 11:
      return Pad{loop};
    case 12:  // the two loops of a split
      return Mark{loop, LoopKind::kParallel, absl::StrCat("n", loop.substr(1))};
    default:
      return Reassociate{};
  }
}

}  // namespace

Program RandomNaiveProgram(unsigned seed) {
  Chooser choose(seed);
  const auto size = [&] { return choose.Number(1, 7); };
  switch (choose.Number(0, 3)) {
    case 0:
      return Convolution({.n = 1,
                          .c = choose.Number(1, 3),
                          .h = choose.Number(3, 6),
                          .w = choose.Number(3, 20),
                          .f = choose.Number(1, 3),
                          .r = choose.Number(1, 3),
                          .s = choose.Number(1, 3),
                          .stride = choose.Number(1, 2),
                          .pad = choose.Number(0, 1)});
    case 1: {
      Program program = ExpSum(size(), choose.Number(1, 40));
      ForEachStatement(&program.body, [](Statement& s) {  // exp would leave the whole numbers
        if (s.value.op == "exp") s.value.op = "square";
      });
      return program;
    }
    default:
      return Matmul({.m = size(),
                     .n = choose.Number(1, 40),
                     .k = size(),
                     .transpose_a = choose.Number(0, 1) == 1,
                     .transpose_b = choose.Number(0, 1) == 1});
  }
}

Schedule RandomSchedule(const Program& program, unsigned seed, int tries) {
  Chooser choose(seed + 1000);
  Schedule schedule;
  Program current = program;
  for (int i = 0; i < tries; ++i) {
    schedule.push_back(RandomStep(current, i, &choose));
    absl::StatusOr<Program> next = Apply(program, schedule);
    if (next.ok()) {
      current = *std::move(next);
    } else if (absl::IsInternal(next.status())) {
      return schedule;  // a fault of ours: the caller's Apply() shows it
    } else {
      schedule.pop_back();
    }
  }
  return schedule;
}

}  // namespace strata::compiler::schedule
