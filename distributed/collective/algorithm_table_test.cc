// Every row of the table, for 2 to 17 ranks: what it computes, what it sends, and that ranks and runs agree to the bit.
#include "distributed/collective/algorithm_table.h"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "distributed/collective/algorithm_collectives.h"
#include "distributed/collective/double_tree.h"
#include "distributed/transport/counting_transport.h"
#include "distributed/transport/thread_transport.h"

namespace strata::distributed {
namespace {

using compiler::Reduction;
using ::testing::HasSubstr;

constexpr int kMostRanks = 17;

// Fractions that differ in every rank and place: sums round, so that an order that varies is seen.
float Element(int rank, int64_t i) {
  return 1.0f / static_cast<float>(1 + (rank * 31 + i * 17) % 1009);
}

std::vector<float> Elements(int rank, int64_t count) {
  std::vector<float> elements(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) elements[static_cast<size_t>(i)] = Element(rank, i);
  return elements;
}

struct Sizes {
  int64_t input, output;
};

Sizes SizesOf(Verb verb, int64_t count, int n) {
  switch (verb) {
    case Verb::kReduceScatter:
    case Verb::kScatter:
      return {count * n, count};
    case Verb::kAllGather:
    case Verb::kGather:
      return {count, count * n};
    case Verb::kAllToAll:
      return {count * n, count * n};
    default:
      return {count, count};
  }
}

// One call with inputs that any rank can tell. In place: the output is the input.
absl::StatusOr<std::vector<float>> Do(AlgorithmCollectives& c, Verb verb, int64_t count, int root) {
  const Sizes sizes = SizesOf(verb, count, c.size());
  std::vector<float> in = Elements(c.rank(), sizes.input);
  std::vector<float> out(static_cast<size_t>(sizes.output), -1);
  const chips::DType f32 = chips::F32;
  absl::Status status;
  switch (verb) {
    case Verb::kAllReduce:
      status = c.AllReduce(in.data(), count, f32, Reduction::kMean);
      return status.ok() ? absl::StatusOr<std::vector<float>>(in) : status;
    case Verb::kBroadcast:
      status = c.Broadcast(in.data(), count, f32, root);
      return status.ok() ? absl::StatusOr<std::vector<float>>(in) : status;
    case Verb::kReduce:
      status = c.Reduce(in.data(), count, f32, Reduction::kMean, root);
      return status.ok() ? absl::StatusOr<std::vector<float>>(in) : status;
    case Verb::kReduceScatter:
      status = c.ReduceScatter(in.data(), out.data(), count, f32, Reduction::kMean);
      break;
    case Verb::kAllGather:
      status = c.AllGather(in.data(), out.data(), count, f32);
      break;
    case Verb::kScatter:
      status = c.Scatter(in.data(), out.data(), count, f32, root);
      break;
    case Verb::kGather:
      status = c.Gather(in.data(), out.data(), count, f32, root);
      break;
    case Verb::kAllToAll:
      status = c.AllToAll(in.data(), out.data(), count, f32);
      break;
    case Verb::kAllToAllV: {
      const std::vector<int64_t> counts(static_cast<size_t>(c.size()), count / c.size());
      out = in;  // what is over stays
      status = c.AllToAllV(in.data(), counts, out.data(), counts, f32);
      break;
    }
  }
  if (!status.ok()) return status;
  return out;
}

// The mean over ranks at place i, and how far another order of adding may be from it.
void ExpectMean(const std::vector<float>& got, int64_t begin, int n, const std::string& what) {
  for (size_t k = 0; k < got.size(); ++k) {
    double want = 0;
    for (int rank = 0; rank < n; ++rank) want += Element(rank, begin + static_cast<int64_t>(k));
    // Higham, Accuracy and Stability, 4.2: (n-1) eps sum|x|; all are positive.
    const double tolerance = (n + 1) * 6e-8 * want / n;
    ASSERT_NEAR(got[k], want / n, tolerance) << what << " at " << k;
  }
}

// Elements [begin, begin + count) of rank `from`'s input.
void ExpectPiece(const float* got, int from, int64_t begin, int64_t count,
                 const std::string& what) {
  for (int64_t i = 0; i < count; ++i)
    ASSERT_EQ(got[i], Element(from, begin + i)) << what << " from rank " << from << " at " << i;
}

void ExpectRight(const std::vector<float>& got, Verb verb, int64_t count, int root, int rank, int n,
                 const std::string& what) {
  if (verb == Verb::kAllReduce || (verb == Verb::kReduce && rank == root))
    ExpectMean(got, 0, n, what);
  if (verb == Verb::kReduceScatter) ExpectMean(got, rank * count, n, what);
  if (verb == Verb::kBroadcast) ExpectPiece(got.data(), root, 0, count, what);
  if (verb == Verb::kScatter) ExpectPiece(got.data(), root, rank * count, count, what);
  const int64_t piece = verb == Verb::kAllToAllV ? count / n : count;
  for (int from = 0; from < n; ++from) {
    const float* begin = got.data() + from * piece;
    if (verb == Verb::kAllGather || (verb == Verb::kGather && rank == root))
      ExpectPiece(begin, from, 0, count, what);
    if (verb == Verb::kAllToAll || verb == Verb::kAllToAllV)
      ExpectPiece(begin, from, rank * piece, piece, what);
  }
}

int64_t WireBytes(const Algorithm& row, int n, int64_t count, const Tuning& tuning) {
  if (row.verb == Verb::kAllToAllV) count = count / n * n * (n - 1);
  return row.wire_bytes({n, count, 4, tuning});
}

// Blocks and chunks small enough that several are needed.
Tuning SmallBlocks() {
  Tuning tuning;
  tuning.block_bytes = 1 << 10;
  tuning.link.alpha_seconds = 1e-9;
  tuning.one_address_space = true;
  return tuning;
}

void CheckRow(const Algorithm& row, int n, const std::vector<int64_t>& counts) {
  const Tuning tuning = SmallBlocks();
  std::vector<std::atomic<int64_t>> sent(counts.size());
  EXPECT_OK(RunThreadRanks(n, [&](Transport& transport) -> absl::Status {
    transport.set_timeout(std::chrono::seconds(60));
    CountingTransport counting(transport);
    AlgorithmCollectives c(counting, {.algorithm = std::string(row.name), .tuning = tuning});
    STRATA_RETURN_IF_ERROR(Do(c, row.verb, 1, 0).status());  // "shared" has a first time
    for (size_t k = 0; k < counts.size(); ++k) {
      const int64_t count = counts[k];
      const int root = static_cast<int>(k) % n;
      const std::string what = absl::StrCat(row.name, " ", VerbName(row.verb), " of ", count,
                                            ", ranks ", n, ", rank ", c.rank(), ", root ", root);
      EXPECT_EQ(c.Chosen(row.verb, count, chips::F32).name, row.name);
      counting.Reset();
      STRATA_ASSIGN_OR_RETURN(const std::vector<float> got, Do(c, row.verb, count, root));
      sent[k] += counting.count().bytes_sent;
      ExpectRight(got, row.verb, count, root, c.rank(), n, what);
      if (row.verb != Verb::kAllReduce) continue;
      STRATA_ASSIGN_OR_RETURN(const std::vector<float> again, Do(c, row.verb, count, root));
      std::vector<float> first = got;  // of rank 0
      STRATA_RETURN_IF_ERROR(c.Broadcast(first.data(), count, chips::F32, 0));
      EXPECT_EQ(again, got) << what;
      EXPECT_EQ(first, got) << what;
    }
    return absl::OkStatus();
  }));
  for (size_t k = 0; k < counts.size(); ++k) {
    EXPECT_EQ(sent[k], WireBytes(row, n, counts[k], tuning))
        << row.name << " " << VerbName(row.verb) << " of " << counts[k] << ", ranks " << n;
  }
}

class AlgorithmTableTest : public testing::TestWithParam<int> {};

TEST_P(AlgorithmTableTest, IsRightAndSendsWhatItsFormulaSays) {
  const Algorithm& row = AlgorithmTable()[static_cast<size_t>(GetParam())];
  for (int n : {2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 16, kMostRanks}) {
    if (!row.takes(n, SmallBlocks())) continue;
    CheckRow(row, n, {0, 1, n - 1, n + 1, 1031});
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, AlgorithmTableTest,
                         testing::Range(0, static_cast<int>(AlgorithmTable().size())),
                         [](const testing::TestParamInfo<int>& info) {
                           const Algorithm& row = AlgorithmTable()[static_cast<size_t>(info.param)];
                           return absl::StrCat(row.name, "_", VerbName(row.verb));
                         });

TEST(AlgorithmTable, HasADefaultForEveryVerbAndNoRowTwice) {
  std::set<std::pair<Verb, absl::string_view>> seen;
  for (const Algorithm& row : AlgorithmTable()) {
    const bool first = std::none_of(seen.begin(), seen.end(),
                                    [&](const auto& other) { return other.first == row.verb; });
    EXPECT_TRUE(seen.insert({row.verb, row.name}).second) << VerbName(row.verb) << row.name;
    for (int n = 2; first && n <= kMostRanks; ++n) EXPECT_TRUE(row.takes(n, Tuning()));
  }
  for (Verb verb : Verbs()) {
    EXPECT_THAT(FindAlgorithm(verb, "bush"),
                StatusIs(absl::StatusCode::kNotFound, HasSubstr("no algorithm 'bush'")));
    STRATA_ASSERT_OK_AND_ASSIGN(const Verb parsed, ParseVerb(VerbName(verb)));
    EXPECT_EQ(parsed, verb);
  }
  EXPECT_THAT(ParseVerb("all_reduced"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("there is: all_reduce, reduce_scatter")));
}

TEST(AlgorithmTable, LargeDataOnce) {
  for (const char* name : {"ring", "auto", "double_tree"}) {
    EXPECT_OK(RunThreadRanks(3, [&](Transport& transport) -> absl::Status {
      STRATA_ASSIGN_OR_RETURN(auto c, AlgorithmCollectives::Create(transport, name));
      constexpr int64_t kCount = (16 << 20) - 3;  // 64 MiB
      std::vector<float> data(kCount, static_cast<float>(transport.rank() + 1));
      STRATA_RETURN_IF_ERROR(c->AllReduce(data.data(), kCount, chips::F32, Reduction::kSum));
      for (float x : data) {
        if (x != 6) return absl::InternalError("is not 1 + 2 + 3");
      }
      return absl::OkStatus();
    }));
  }
}

// Any number of ranks: edges that meet differ in colour, and an inner rank of one tree is a leaf of the other.
TEST(DoubleTree, KeepsEveryRankBusyOnce) {
  for (int n = 2; n <= 70; ++n) {
    const TreePipeline pipeline = DoubleTree(n);
    std::set<std::tuple<int, int>> sends, receives;
    std::vector<int> inner_of(static_cast<size_t>(n), 0);
    for (const TreePipeline::Tree& tree : pipeline.trees) {
      std::set<int> inner;
      for (int rank = 1; rank < n; ++rank) {
        const int parent = tree.parent[static_cast<size_t>(rank)];
        const int colour = tree.colour[static_cast<size_t>(rank)];
        EXPECT_TRUE(sends.insert({parent, colour}).second) << n << " ranks, from " << parent;
        EXPECT_TRUE(receives.insert({rank, colour}).second) << n << " ranks, to " << rank;
        inner.insert(parent);
      }
      for (int rank : inner) ++inner_of[static_cast<size_t>(rank)];
    }
    for (int rank = 1; rank < n; ++rank) EXPECT_LE(inner_of[static_cast<size_t>(rank)], 1) << rank;
  }
}

}  // namespace
}  // namespace strata::distributed
