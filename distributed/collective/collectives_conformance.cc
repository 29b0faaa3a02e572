#include "distributed/collective/collectives_conformance.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"

namespace strata::distributed {
namespace {

using compiler::Collectives;
using compiler::Reduction;
using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kUnimplemented = absl::StatusCode::kUnimplemented;
constexpr auto kUnavailable = absl::StatusCode::kUnavailable;

constexpr Reduction kReductions[] = {Reduction::kSum, Reduction::kMean, Reduction::kMax,
                                     Reduction::kMin};

template <typename T>
constexpr chips::DType kDTypeOf = sizeof(T) == 4 ? chips::F32 : chips::F64;

// Few elements, each count around the numbers of ranks; then odd ones, at last more than a chunk of the ring's a rank.
std::vector<int64_t> Counts() {
  std::vector<int64_t> counts;
  for (int64_t count = 0; count <= 9; ++count) counts.push_back(count);
  for (int64_t count : {16, 17, 65, 127, 257, 1000, 1001, 300007}) counts.push_back(count);
  return counts;
}

// What rank r holds at i: any rank can tell, so each checks its result alone. Magnitudes from 1e-3
// to 1e3.
template <typename T>
T Element(int rank, int64_t i) {
  uint64_t state = static_cast<uint64_t>(rank + 1) * 0x9E3779B97F4A7C15u +
                   static_cast<uint64_t>(i) * 0xD1B54A32D192ED03u;
  state ^= state >> 29;
  state *= 0xBF58476D1CE4E5B9u;
  state ^= state >> 32;
  const double mantissa =
      static_cast<double>(state >> 11) / static_cast<double>(uint64_t{1} << 53) - 0.5;
  return static_cast<T>(mantissa * std::pow(10.0, static_cast<double>(state % 7) - 3));
}

template <typename T>
std::vector<T> Elements(int rank, int64_t begin, int64_t count) {
  std::vector<T> elements(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i)
    elements[static_cast<size_t>(i)] = Element<T>(rank, begin + i);
  return elements;
}

// Adding n numbers in any order errs by at most (n-1) eps sum|x| (Higham, Accuracy and
// Stability, 4.2); two orders differ by twice that, and a mean's division rounds once more on each
// side.
template <typename T>
absl::Status CheckReduced(const std::vector<T>& got, int64_t begin, int ranks, Reduction reduction,
                          bool exactly) {
  const T eps = std::numeric_limits<T>::epsilon();
  for (size_t k = 0; k < got.size(); ++k) {
    const int64_t i = begin + static_cast<int64_t>(k);
    T want = Element<T>(0, i), magnitude = std::abs(want);
    for (int rank = 1; rank < ranks; ++rank) {
      const T x = Element<T>(rank, i);
      want = reduction == Reduction::kMax   ? std::max(want, x)
             : reduction == Reduction::kMin ? std::min(want, x)
                                            : want + x;
      magnitude += std::abs(x);
    }
    T tolerance = 2 * static_cast<T>(ranks - 1) * eps * magnitude;
    if (reduction == Reduction::kMean) {
      want /= static_cast<T>(ranks);
      tolerance = tolerance / static_cast<T>(ranks) + 2 * eps * std::abs(want);
    }
    const bool picks = reduction == Reduction::kMax || reduction == Reduction::kMin;
    if (exactly || picks) tolerance = 0;
    if (std::abs(got[k] - want) <= tolerance) continue;
    return absl::InternalError(absl::StrCat("element ", i, " of ", got.size(), ": is ", got[k],
                                            ", must be ", want, " within ", tolerance));
  }
  return absl::OkStatus();
}

// The same bits on the neighbour; so, once round, on all ranks.
template <typename T>
absl::Status CheckSameOnAllRanks(Transport& t, const std::vector<T>& mine) {
  if (t.size() == 1) return absl::OkStatus();
  const size_t bytes = mine.size() * sizeof(T);
  std::vector<T> theirs(mine.size());
  STRATA_RETURN_IF_ERROR(
      t.SendRecv({(t.rank() + 1) % t.size(), 77, mine.data(), bytes},
                 {(t.rank() + t.size() - 1) % t.size(), 77, theirs.data(), bytes}));
  if (bytes == 0 || std::memcmp(mine.data(), theirs.data(), bytes) == 0) return absl::OkStatus();
  return absl::InternalError("the result is not the same bits on all ranks");
}

template <typename T>
absl::Status CheckAllReduce(Collectives& c, Transport& t, int64_t count, Reduction reduction,
                            bool exactly) {
  std::vector<T> first = Elements<T>(c.rank(), 0, count), second = first;
  STRATA_RETURN_IF_ERROR(c.AllReduce(first.data(), count, kDTypeOf<T>, reduction));
  STRATA_RETURN_IF_ERROR(CheckReduced(first, 0, c.size(), reduction, exactly));
  STRATA_RETURN_IF_ERROR(CheckSameOnAllRanks(t, first));
  STRATA_RETURN_IF_ERROR(c.AllReduce(second.data(), count, kDTypeOf<T>, reduction));
  if (count == 0 || std::memcmp(first.data(), second.data(), first.size() * sizeof(T)) == 0)
    return absl::OkStatus();
  return absl::InternalError("a second run gives other bits");
}

template <typename T>
absl::Status CheckReduceScatter(Collectives& c, int64_t count, Reduction reduction, bool exactly) {
  const std::vector<T> input = Elements<T>(c.rank(), 0, count * c.size()), before = input;
  std::vector<T> output(static_cast<size_t>(count), T{-1});
  STRATA_RETURN_IF_ERROR(
      c.ReduceScatter(input.data(), output.data(), count, kDTypeOf<T>, reduction));
  if (input != before) return absl::InternalError("the input was written to");
  return CheckReduced(output, count * c.rank(), c.size(), reduction, exactly);
}

// Only the root's result counts; the others lend their memory.
template <typename T>
absl::Status CheckReduce(Collectives& c, int64_t count, Reduction reduction, int root,
                         bool exactly) {
  std::vector<T> data = Elements<T>(c.rank(), 0, count);
  STRATA_RETURN_IF_ERROR(c.Reduce(data.data(), count, kDTypeOf<T>, reduction, root));
  if (c.rank() != root) return absl::OkStatus();
  return CheckReduced(data, 0, c.size(), reduction, exactly);
}

absl::Status CheckAllGather(Collectives& c, int64_t count, chips::DType dtype) {
  const int64_t bytes = count * static_cast<int64_t>(chips::SizeOf(dtype));
  const auto byte = [](int rank, int64_t i) {
    return static_cast<uint8_t>(rank * 37 + i * 11 + i / 251);
  };
  std::vector<uint8_t> input(static_cast<size_t>(bytes)),
      output(static_cast<size_t>(bytes * c.size()));
  for (int64_t i = 0; i < bytes; ++i) input[static_cast<size_t>(i)] = byte(c.rank(), i);
  STRATA_RETURN_IF_ERROR(c.AllGather(input.data(), output.data(), count, dtype));
  for (int64_t i = 0; i < bytes * c.size(); ++i) {
    if (output[static_cast<size_t>(i)] == byte(static_cast<int>(i / bytes), i % bytes)) continue;
    return absl::InternalError(absl::StrCat("byte ", i, " of ", bytes * c.size(), " is wrong"));
  }
  return absl::OkStatus();
}

absl::Status CheckBroadcast(Collectives& c, int64_t count, chips::DType dtype, int root) {
  const int64_t bytes = count * static_cast<int64_t>(chips::SizeOf(dtype));
  std::vector<uint8_t> data(static_cast<size_t>(bytes), 0xEE);
  const auto byte = [&](int64_t i) { return static_cast<uint8_t>(root * 53 + i * 7 + i / 249); };
  if (c.rank() == root) {
    for (int64_t i = 0; i < bytes; ++i) data[static_cast<size_t>(i)] = byte(i);
  }
  STRATA_RETURN_IF_ERROR(c.Broadcast(data.data(), count, dtype, root));
  for (int64_t i = 0; i < bytes; ++i) {
    if (data[static_cast<size_t>(i)] == byte(i)) continue;
    return absl::InternalError(
        absl::StrCat("byte ", i, " of ", bytes, " from rank ", root, " is wrong"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CollectivesConformance::Run(const Body& body) {
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<World> world, GetParam().make_world());
  for (auto& transport : world->local) transport->set_timeout(std::chrono::seconds(60));
  return RunRanks(*world, [&](Transport& transport) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(std::unique_ptr<Collectives> collectives, GetParam().make(transport));
    return body(*collectives, transport);
  });
}

TEST_P(CollectivesConformance, KnowsItsRank) {
  EXPECT_OK(Run([](Collectives& c, Transport& t) {
    EXPECT_EQ(c.rank(), t.rank());
    EXPECT_EQ(c.size(), GetParam().ranks);
    return absl::OkStatus();
  }));
}

TEST_P(CollectivesConformance, AllReduces) {
  EXPECT_OK(Run([](Collectives& c, Transport& t) -> absl::Status {
    const bool exactly = GetParam().in_rank_order;
    for (int64_t count : Counts()) {
      for (Reduction reduction : kReductions) {
        if (count > 10000 && reduction != Reduction::kMean) continue;
        STRATA_RETURN_IF_ERROR(CheckAllReduce<float>(c, t, count, reduction, exactly));
        STRATA_RETURN_IF_ERROR(CheckAllReduce<double>(c, t, count, reduction, exactly));
      }
    }
    return absl::OkStatus();
  }));
}

TEST_P(CollectivesConformance, ReduceScatters) {
  EXPECT_OK(Run([](Collectives& c, Transport&) -> absl::Status {
    const bool exactly = GetParam().in_rank_order;
    for (int64_t count : {0, 1, 2, 3, 5, 17, 64, 1001, 40003}) {
      for (Reduction reduction : kReductions) {
        if (count > 10000 && reduction != Reduction::kMean) continue;
        STRATA_RETURN_IF_ERROR(CheckReduceScatter<float>(c, count, reduction, exactly));
        STRATA_RETURN_IF_ERROR(CheckReduceScatter<double>(c, count, reduction, exactly));
      }
    }
    return absl::OkStatus();
  }));
}

TEST_P(CollectivesConformance, ReducesToEveryRoot) {
  EXPECT_OK(Run([](Collectives& c, Transport&) -> absl::Status {
    const bool exactly = GetParam().in_rank_order;
    for (int64_t count : {0, 1, 2, 3, 17, 1001, 100003}) {
      for (int root = 0; root < c.size(); ++root) {
        if (count > 1000 && root != c.size() / 2) continue;
        STRATA_RETURN_IF_ERROR(CheckReduce<float>(c, count, Reduction::kSum, root, exactly));
        STRATA_RETURN_IF_ERROR(CheckReduce<double>(c, count, Reduction::kMean, root, exactly));
        STRATA_RETURN_IF_ERROR(CheckReduce<float>(c, count, Reduction::kMin, root, exactly));
      }
    }
    return absl::OkStatus();
  }));
}

TEST_P(CollectivesConformance, GathersAndBroadcastsEveryDType) {
  EXPECT_OK(Run([](Collectives& c, Transport&) -> absl::Status {
    for (chips::DType dtype :
         {chips::F32, chips::F64, chips::BF16, chips::I8, chips::I32, chips::BOOL}) {
      for (int64_t count : {0, 1, 3, 100, 1001, 150001}) {
        if (count > 10000 && dtype != chips::BF16) continue;
        STRATA_RETURN_IF_ERROR(CheckAllGather(c, count, dtype));
        for (int root = 0; root < c.size(); ++root) {
          STRATA_RETURN_IF_ERROR(CheckBroadcast(c, count, dtype, root));
        }
      }
    }
    return absl::OkStatus();
  }));
}

TEST_P(CollectivesConformance, MaximumOfInfinityIsInfinity) {
  EXPECT_OK(Run([](Collectives& c, Transport&) -> absl::Status {
    std::vector<float> data(5, static_cast<float>(c.rank()));
    if (c.rank() == c.size() / 2) data[3] = std::numeric_limits<float>::infinity();
    STRATA_RETURN_IF_ERROR(c.AllReduce(data.data(), 5, chips::F32, Reduction::kMax));
    EXPECT_EQ(data[0], static_cast<float>(c.size() - 1));
    EXPECT_EQ(data[3], std::numeric_limits<float>::infinity());
    return absl::OkStatus();
  }));
}

TEST_P(CollectivesConformance, ManySmallCallsInARow) {
  EXPECT_OK(Run([](Collectives& c, Transport&) -> absl::Status {
    double value = 1;
    for (int i = 0; i < 50; ++i) {
      STRATA_RETURN_IF_ERROR(c.AllReduce(&value, 1, chips::F64, Reduction::kMean));
      STRATA_RETURN_IF_ERROR(c.Broadcast(&value, 1, chips::F64, i % c.size()));
      if (i % 10 == 0) STRATA_RETURN_IF_ERROR(c.Barrier());
    }
    EXPECT_EQ(value, 1.0);
    return absl::OkStatus();
  }));
}

TEST_P(CollectivesConformance, RefusesBadCalls) {
  EXPECT_OK(Run([](Collectives& c, Transport&) -> absl::Status {
    std::vector<double> data(16);
    double* d = data.data();
    EXPECT_THAT(c.AllReduce(d, -1, chips::F32, Reduction::kSum),
                StatusIs(kInvalid, HasSubstr("all_reduce of -1 f32")));
    EXPECT_THAT(c.AllGather(d, d, 1, chips::DTYPE_UNSPECIFIED),
                StatusIs(kInvalid, HasSubstr("unspecified")));
    EXPECT_THAT(c.Broadcast(d, 1, chips::F32, c.size()),
                StatusIs(kInvalid, HasSubstr(absl::StrCat("root ", c.size()))));
    EXPECT_THAT(c.Broadcast(d, 1, chips::F32, -1), StatusIs(kInvalid, HasSubstr("root -1")));
    for (chips::DType dtype : {chips::BOOL, chips::F8_E4M3}) {
      EXPECT_THAT(c.AllReduce(d, 1, dtype, Reduction::kSum),
                  StatusIs(kUnimplemented, HasSubstr("cast before")));
      EXPECT_THAT(c.ReduceScatter(d, d, 1, dtype, Reduction::kSum),
                  StatusIs(kUnimplemented, HasSubstr("cast before")));
      EXPECT_THAT(c.Reduce(d, 1, dtype, Reduction::kSum, 0),
                  StatusIs(kUnimplemented, HasSubstr("cast before")));
    }
    return c.Barrier();
  }));
}

TEST_P(CollectivesConformance, RankThatFailsFailsAll) {
  if (GetParam().ranks < 2) GTEST_SKIP() << "one rank has nobody to wait for";
  EXPECT_OK(Run([](Collectives& c, Transport& t) -> absl::Status {
    if (c.rank() == 1) {
      t.Leave(absl::DataLossError("disk on fire"));
      return absl::OkStatus();
    }
    static auto* data = new std::vector<std::vector<double>>(
        64, std::vector<double>(100000));  // MPI may write late
    const absl::Status status = c.AllReduce((*data)[static_cast<size_t>(c.rank())].data(), 100000,
                                            chips::F64, Reduction::kSum);
    EXPECT_THAT(status, StatusIs(kUnavailable, HasSubstr("has left the run: ")));
    t.Leave(status);
    return absl::OkStatus();
  }));
}

TEST_P(CollectivesConformance, RanksThatDisagreeFail) {
  if (GetParam().ranks < 2) GTEST_SKIP() << "one rank agrees with itself";
  if (!GetParam().finds_disagreement)
    GTEST_SKIP() << "leaves agreement to its user, as its header says";
  EXPECT_OK(Run([](Collectives& c, Transport& t) -> absl::Status {
    std::vector<double> data(1000);
    const absl::Status status = c.rank() == 0
                                    ? c.AllReduce(data.data(), 1000, chips::F64, Reduction::kSum)
                                    : c.AllReduce(data.data(), 990, chips::F64, Reduction::kSum);
    EXPECT_FALSE(status.ok());
    EXPECT_TRUE(status.code() == kInvalid || status.code() == kUnavailable) << status;
    t.Leave(status);
    return absl::OkStatus();
  }));
}

}  // namespace strata::distributed
