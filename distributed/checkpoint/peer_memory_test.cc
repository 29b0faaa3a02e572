#include "distributed/checkpoint/peer_memory.h"

#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "distributed/checkpoint/test_state.h"
#include "gtest/gtest.h"

namespace strata::distributed {

struct PeerMemoryAccess {
  // 0: of the rank itself; 1: of the one before.
  static void Damage(PeerMemory& memory, size_t copy) { memory.copies_[copy].bytes[7] ^= 1; }
};

namespace {

using ::testing::HasSubstr;

// The memories of the processes of a run, by rank.
using Memories = std::vector<PeerMemory>;

absl::Status SaveStep(Memories& memories, const Layout& layout, int64_t step) {
  const GlobalState state = SmallState(static_cast<uint64_t>(step));
  return OnRanks(layout.ranks, [&](compiler::Collectives& ranks) {
    return memories[static_cast<size_t>(ranks.rank())].Save(
        step, CutState(state, layout, ranks.rank()), ranks);
  });
}

// A run of those memories gets the state of that step, to the bit.
absl::Status LoadStep(const Memories& memories, const Layout& layout, int64_t step) {
  const GlobalState state = SmallState(static_cast<uint64_t>(step));
  return OnRanks(layout.ranks, [&](compiler::Collectives& ranks) -> absl::Status {
    const std::vector<ShardedTensor> want = CutState(state, layout, ranks.rank());
    std::vector<ShardedTensor> got = EmptyLike(want);
    STRATA_ASSIGN_OR_RETURN(const int64_t loaded, memories[static_cast<size_t>(ranks.rank())].Load(
                                                      absl::MakeSpan(got), ranks));
    EXPECT_EQ(loaded, step);
    EXPECT_TRUE(SameBits(got, want)) << "rank " << ranks.rank();
    return absl::OkStatus();
  });
}

Memories Without(Memories memories, const std::set<size_t>& dead) {
  Memories left;
  for (size_t r = 0; r < memories.size(); ++r) {
    if (dead.count(r) == 0) left.push_back(memories[r]);
  }
  return left;
}

TEST(PeerMemoryTest, AnyRankMayDieAndTheRestHaveItAll) {
  std::mt19937_64 random(1);
  const GlobalState shapes = SmallState(0);
  for (int ranks = 2; ranks <= 5; ++ranks) {
    Memories memories(static_cast<size_t>(ranks));
    ASSERT_OK(SaveStep(memories, RandomLayout(shapes, ranks, random), 3));
    ASSERT_OK(SaveStep(memories, RandomLayout(shapes, ranks, random), 4));
    ASSERT_OK(LoadStep(memories, RandomLayout(shapes, ranks, random), 4));
    for (size_t dead = 0; dead < memories.size(); ++dead) {
      Memories left = Without(memories, {dead});
      ASSERT_OK(LoadStep(left, RandomLayout(shapes, ranks - 1, random), 4));
      left.insert(left.begin() + static_cast<std::ptrdiff_t>(dead), PeerMemory());
      ASSERT_OK(LoadStep(left, RandomLayout(shapes, ranks, random), 4));
    }
  }
}

TEST(PeerMemoryTest, HoldsTwoCopies) {
  const GlobalState state = SmallState(0);
  Memories memories(3);
  for (int64_t step : {1, 2, 3}) ASSERT_OK(SaveStep(memories, RowLayout(state, 3), step));
  int64_t bytes = 0, once = 0;
  for (const PeerMemory& memory : memories) bytes += memory.bytes();
  for (const auto& [name, tensor] : state) {
    once += static_cast<int64_t>(tensor.size_bytes()) * (tensor.rank() == 0 ? 3 : 1);
  }
  EXPECT_EQ(bytes, 2 * once);
}

TEST(PeerMemoryTest, TwoNeighboursAreTooMany) {
  const Layout four = RowLayout(SmallState(0), 4), two = RowLayout(SmallState(0), 2);
  Memories memories(4);
  ASSERT_OK(SaveStep(memories, four, 1));
  ASSERT_OK(LoadStep(Without(memories, {0, 2}), two, 1));
  EXPECT_THAT(LoadStep(Without(memories, {1, 2}), two, 1),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("no step is complete in the memories of the ranks; step 1: tensor "
                                 "'bias': no cell holds element [")));
  EXPECT_THAT(LoadStep(Memories(2), two, 1),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no rank holds a copy")));
}

// A rank dies in the middle of a save: the others have the step before, or both.
TEST(PeerMemoryTest, ADeathDuringASaveLosesNothing) {
  const GlobalState old_state = SmallState(1), new_state = SmallState(2);
  const Layout three = RowLayout(old_state, 3), two = RowLayout(old_state, 2);
  Memories memories(3);
  ASSERT_OK(SaveStep(memories, three, 1));
  EXPECT_FALSE(OnRanks(3, [&](compiler::Collectives& ranks) -> absl::Status {
                 if (ranks.rank() == 2) return absl::AbortedError("dies");
                 return memories[static_cast<size_t>(ranks.rank())].Save(
                     2, CutState(new_state, three, ranks.rank()), ranks);
               }).ok());
  ASSERT_OK(LoadStep(Without(memories, {2}), two, 1));
  // All but one got past the last barrier.
  Memories later = memories;
  ASSERT_OK(SaveStep(later, three, 2));
  ASSERT_OK(LoadStep({memories[0], later[1], later[2]}, three, 2));
  ASSERT_OK(LoadStep({later[1], later[2]}, two, 2));
  // Two saves of one step are never mixed.
  Memories again = memories;
  ASSERT_OK(SaveStep(again, three, 2));
  EXPECT_THAT(LoadStep({later[0], again[2]}, two, 2),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("step 2")));
}

TEST(PeerMemoryTest, DamagedCopiesAreNotUsed) {
  const Layout layout = RowLayout(SmallState(0), 3);
  Memories memories(3);
  ASSERT_OK(SaveStep(memories, layout, 1));
  PeerMemoryAccess::Damage(memories[0], 0);
  ASSERT_OK(LoadStep(memories, layout, 1));
  PeerMemoryAccess::Damage(memories[1], 1);
  EXPECT_THAT(LoadStep(memories, layout, 1),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("step 1: tensor")));
}

TEST(PeerMemoryTest, NamesWhatDoesNotFit) {
  const GlobalState state = SmallState(1);
  const Layout layout = RowLayout(state, 2);
  Memories memories(2);
  EXPECT_THAT(
      OnRanks(2,
              [&](compiler::Collectives& ranks) {
                return memories[static_cast<size_t>(ranks.rank())].Save(
                    ranks.rank(), CutState(state, layout, ranks.rank()), ranks);
              }),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("rank 1 saves step 1, rank 0")));
  ASSERT_OK(SaveStep(memories, layout, 1));
  EXPECT_THAT(OnRanks(2,
                      [&](compiler::Collectives& ranks) {
                        std::vector<ShardedTensor> other = {
                            WholeTensor("bias", graph::HostTensor::Zeros(chips::F32, {13}))};
                        return memories[static_cast<size_t>(ranks.rank())]
                            .Load(absl::MakeSpan(other), ranks)
                            .status();
                      }),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("tensor 'bias': is f64[0:13] in memory, not f32[0:13]")));
}

}  // namespace
}  // namespace strata::distributed
