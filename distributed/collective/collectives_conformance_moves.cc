// The part of the conformance suite about what is only moved: pieces, messages, groups; and the dtypes of reductions.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "chips/numerics/float16.h"
#include "distributed/collective/collectives_conformance.h"

namespace strata::distributed {
namespace {

using compiler::Collectives;
using compiler::Reduction;
using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// Byte i of what rank `from` has for rank `to`: any rank can tell.
uint8_t Byte(int from, int to, int64_t i) {
  return static_cast<uint8_t>(from * 37 + to * 101 + i * 11 + i / 251);
}

size_t Size(int64_t bytes) { return static_cast<size_t>(bytes); }

void Fill(int from, int to, uint8_t* begin, int64_t bytes) {
  for (int64_t i = 0; i < bytes; ++i) begin[i] = Byte(from, to, i);
}

absl::Status CheckBytes(int from, int to, const uint8_t* begin, int64_t bytes) {
  for (int64_t i = 0; i < bytes; ++i) {
    if (begin[i] == Byte(from, to, i)) continue;
    return absl::InternalError(
        absl::StrCat("byte ", i, " of ", bytes, " from rank ", from, " to rank ", to, " is wrong"));
  }
  return absl::OkStatus();
}

absl::Status CheckScatter(Collectives& c, int64_t count, chips::DType dtype, int root) {
  const int64_t bytes = count * static_cast<int64_t>(chips::SizeOf(dtype));
  std::vector<uint8_t> all(c.rank() == root ? Size(bytes * c.size()) : 0), mine(Size(bytes));
  for (int to = 0; to < c.size() && c.rank() == root; ++to)
    Fill(root, to, all.data() + to * bytes, bytes);
  STRATA_RETURN_IF_ERROR(c.Scatter(all.data(), mine.data(), count, dtype, root));
  return CheckBytes(root, c.rank(), mine.data(), bytes);
}

absl::Status CheckGather(Collectives& c, int64_t count, chips::DType dtype, int root) {
  const int64_t bytes = count * static_cast<int64_t>(chips::SizeOf(dtype));
  std::vector<uint8_t> all(c.rank() == root ? Size(bytes * c.size()) : 0), mine(Size(bytes));
  Fill(c.rank(), root, mine.data(), bytes);
  STRATA_RETURN_IF_ERROR(c.Gather(mine.data(), all.data(), count, dtype, root));
  for (int from = 0; from < c.size() && c.rank() == root; ++from) {
    STRATA_RETURN_IF_ERROR(CheckBytes(from, root, all.data() + from * bytes, bytes));
  }
  return absl::OkStatus();
}

absl::Status CheckAllToAll(Collectives& c, int64_t count, chips::DType dtype) {
  const int64_t bytes = count * static_cast<int64_t>(chips::SizeOf(dtype));
  std::vector<uint8_t> in(Size(bytes * c.size())), out(in.size());
  for (int to = 0; to < c.size(); ++to) Fill(c.rank(), to, in.data() + to * bytes, bytes);
  const std::vector<uint8_t> before = in;
  STRATA_RETURN_IF_ERROR(c.AllToAll(in.data(), out.data(), count, dtype));
  if (in != before) return absl::InternalError("the input was written to");
  for (int from = 0; from < c.size(); ++from) {
    STRATA_RETURN_IF_ERROR(CheckBytes(from, c.rank(), out.data() + from * bytes, bytes));
  }
  return absl::OkStatus();
}

// From none to much, different in both directions.
int64_t PairCount(int from, int to, int64_t scale) { return (from * 3 + to * 5) % 4 * scale; }

absl::Status CheckAllToAllV(Collectives& c, int64_t scale, chips::DType dtype) {
  const int64_t size = static_cast<int64_t>(chips::SizeOf(dtype));
  std::vector<int64_t> sent, received;
  std::vector<uint8_t> in, out;
  for (int peer = 0; peer < c.size(); ++peer) {
    sent.push_back(PairCount(c.rank(), peer, scale));
    received.push_back(PairCount(peer, c.rank(), scale));
    in.resize(in.size() + Size(sent.back() * size));
    out.resize(out.size() + Size(received.back() * size));
    Fill(c.rank(), peer, in.data() + in.size() - Size(sent.back() * size), sent.back() * size);
  }
  STRATA_RETURN_IF_ERROR(c.AllToAllV(in.data(), sent, out.data(), received, dtype));
  const uint8_t* piece = out.data();
  for (int from = 0; from < c.size(); ++from) {
    const int64_t bytes = received[static_cast<size_t>(from)] * size;
    STRATA_RETURN_IF_ERROR(CheckBytes(from, c.rank(), piece, bytes));
    piece += bytes;
  }
  return absl::OkStatus();
}

absl::Status CheckPermute(Collectives& c, int64_t count, int64_t offset) {
  const int64_t n = c.size(), from = ((c.rank() - offset) % n + n) % n;
  std::vector<uint8_t> in(Size(count * 4)), out(in.size());
  Fill(c.rank(), 0, in.data(), count * 4);
  STRATA_RETURN_IF_ERROR(c.Permute(in.data(), out.data(), count, chips::F32, offset));
  return CheckBytes(static_cast<int>(from), 0, out.data(), count * 4);
}

// Each dtype as a number. Those of rank and place are small integers, so that every sum is exact in all formats and in
// any order; of 8 bits it wraps.
struct Codec {
  chips::DType dtype;
  void (*encode)(int64_t value, void* to);
  double (*decode)(const void* from);
};

template <typename T>
Codec CodecOf(chips::DType dtype) {
  return {dtype, [](int64_t value, void* to) { *static_cast<T*>(to) = static_cast<T>(value); },
          [](const void* from) { return static_cast<double>(*static_cast<const T*>(from)); }};
}

std::vector<Codec> Codecs() {
  const Codec bf16 = {chips::BF16,
                      [](int64_t value, void* to) {
                        *static_cast<uint16_t*>(to) = chips::FloatToBf16(static_cast<float>(value));
                      },
                      [](const void* from) {
                        return double{chips::Bf16ToFloat(*static_cast<const uint16_t*>(from))};
                      }};
  const Codec f16 = {chips::F16,
                     [](int64_t value, void* to) {
                       *static_cast<uint16_t*>(to) = chips::FloatToFp16(static_cast<float>(value));
                     },
                     [](const void* from) {
                       return double{chips::Fp16ToFloat(*static_cast<const uint16_t*>(from))};
                     }};
  return {CodecOf<float>(chips::F32),
          CodecOf<double>(chips::F64),
          bf16,
          f16,
          CodecOf<int8_t>(chips::I8),
          CodecOf<uint8_t>(chips::U8),
          CodecOf<int32_t>(chips::I32),
          CodecOf<int64_t>(chips::I64)};
}

// 17 ranks' sums stay within bf16's 8 bits: at most 15 each.
int64_t Number(int rank, int64_t i) { return (rank * 7 + i * 5) % 31 - 15; }

// What the ranks' numbers give, in the dtype.
double Want(const Codec& codec, int ranks, int64_t i, Reduction reduction) {
  int64_t result = 0;
  double extreme = 0;
  for (int rank = 0; rank < ranks; ++rank) {
    const int64_t number = Number(rank, i);
    uint64_t held = 0;
    codec.encode(number, &held);
    const double value = codec.decode(&held);  // 255 for -1 of u8
    result += number;
    if (rank == 0 || (reduction == Reduction::kMax ? value > extreme : value < extreme))
      extreme = value;
  }
  if (reduction == Reduction::kMax || reduction == Reduction::kMin) return extreme;
  uint64_t held = 0;
  codec.encode(result, &held);
  if (reduction == Reduction::kSum) return codec.decode(&held);
  const double mean = codec.decode(&held) / ranks;
  if (chips::IsInteger(codec.dtype)) return std::trunc(mean);
  if (codec.dtype == chips::F32) return static_cast<float>(mean);
  if (codec.dtype == chips::F64) return mean;
  if (codec.dtype == chips::BF16)
    return chips::Bf16ToFloat(chips::FloatToBf16(static_cast<float>(mean)));
  return chips::Fp16ToFloat(chips::FloatToFp16(static_cast<float>(mean)));
}

absl::Status CheckNumbers(const Codec& codec, const char* data, int64_t begin, int64_t count,
                          int ranks, Reduction reduction) {
  const size_t size = chips::SizeOf(codec.dtype);
  for (int64_t i = 0; i < count; ++i) {
    const double got = codec.decode(data + Size(i) * size);
    const double want = Want(codec, ranks, begin + i, reduction);
    if (got == want) continue;
    return absl::InternalError(absl::StrCat(chips::DTypeName(codec.dtype), " element ", i, " of ",
                                            count, ": is ", got, ", must be ", want));
  }
  return absl::OkStatus();
}

absl::Status CheckReductionsOf(Collectives& c, const Codec& codec, int64_t count,
                               Reduction reduction) {
  const size_t size = chips::SizeOf(codec.dtype);
  std::vector<char> data(Size(count * c.size()) * size), piece(Size(count) * size);
  for (int64_t i = 0; i < count * c.size(); ++i)
    codec.encode(Number(c.rank(), i), data.data() + Size(i) * size);
  STRATA_RETURN_IF_ERROR(c.ReduceScatter(data.data(), piece.data(), count, codec.dtype, reduction));
  STRATA_RETURN_IF_ERROR(
      CheckNumbers(codec, piece.data(), count * c.rank(), count, c.size(), reduction));
  std::vector<char> copy = data;
  STRATA_RETURN_IF_ERROR(c.Reduce(copy.data(), count, codec.dtype, reduction, c.size() - 1));
  if (c.rank() == c.size() - 1)
    STRATA_RETURN_IF_ERROR(CheckNumbers(codec, copy.data(), 0, count, c.size(), reduction));
  STRATA_RETURN_IF_ERROR(c.AllReduce(data.data(), count, codec.dtype, reduction));
  return CheckNumbers(codec, data.data(), 0, count, c.size(), reduction);
}

}  // namespace

TEST_P(CollectivesConformance, ReducesEveryDType) {
  EXPECT_OK(Run([](Collectives& c, Transport&) -> absl::Status {
    for (const Codec& codec : Codecs()) {
      for (Reduction reduction :
           {Reduction::kSum, Reduction::kMean, Reduction::kMax, Reduction::kMin}) {
        for (int64_t count : {1, 67}) {
          STRATA_RETURN_IF_ERROR(CheckReductionsOf(c, codec, count, reduction));
        }
      }
      STRATA_RETURN_IF_ERROR(CheckReductionsOf(c, codec, 0, Reduction::kMean));
      STRATA_RETURN_IF_ERROR(CheckReductionsOf(c, codec, 3001, Reduction::kSum));
    }
    return absl::OkStatus();
  }));
}

TEST_P(CollectivesConformance, ScattersAndGathersFromEveryRoot) {
  EXPECT_OK(Run([](Collectives& c, Transport&) -> absl::Status {
    for (int64_t count : {0, 1, 3, 100, 70001}) {
      for (int root = 0; root < c.size(); ++root) {
        if (count > 1000 && root != c.size() / 2) continue;
        STRATA_RETURN_IF_ERROR(CheckScatter(c, count, chips::F32, root));
        STRATA_RETURN_IF_ERROR(CheckGather(c, count, chips::F32, root));
        STRATA_RETURN_IF_ERROR(CheckScatter(c, count, chips::BOOL, root));
        STRATA_RETURN_IF_ERROR(CheckGather(c, count, chips::BOOL, root));
      }
    }
    return absl::OkStatus();
  }));
}

TEST_P(CollectivesConformance, ExchangesPiecesOfAllPairs) {
  EXPECT_OK(Run([](Collectives& c, Transport&) -> absl::Status {
    for (chips::DType dtype : {chips::F32, chips::I8, chips::F64}) {
      for (int64_t count : {0, 1, 2, 3, 64, 1001}) {
        STRATA_RETURN_IF_ERROR(CheckAllToAll(c, count, dtype));
        STRATA_RETURN_IF_ERROR(CheckAllToAllV(c, count, dtype));
      }
    }
    STRATA_RETURN_IF_ERROR(CheckAllToAll(c, 80001, chips::F32));
    return CheckAllToAllV(c, 80001, chips::F32);
  }));
}

TEST_P(CollectivesConformance, PermutesByAnyOffset) {
  EXPECT_OK(Run([](Collectives& c, Transport&) -> absl::Status {
    for (int64_t offset : {0, 1, -1, 2, 5, -7, c.size(), 3 * c.size() + 1}) {
      for (int64_t count : {0, 1, 1000}) {
        STRATA_RETURN_IF_ERROR(CheckPermute(c, count, offset));
      }
    }
    return CheckPermute(c, 100003, 1);
  }));
}

TEST_P(CollectivesConformance, SendsFromRankToRank) {
  EXPECT_OK(Run([](Collectives& c, Transport&) -> absl::Status {
    for (int64_t count : {0, 1, 1000, 70001}) {
      std::vector<uint8_t> data(Size(count * 8));
      if (c.rank() == 0) Fill(0, 0, data.data(), count * 8);
      if (c.rank() > 0)
        STRATA_RETURN_IF_ERROR(c.Recv(data.data(), count, chips::F64, c.rank() - 1));
      if (c.rank() + 1 < c.size())
        STRATA_RETURN_IF_ERROR(c.Send(data.data(), count, chips::F64, c.rank() + 1));
      STRATA_RETURN_IF_ERROR(CheckBytes(0, 0, data.data(), count * 8));
    }
    return absl::OkStatus();
  }));
}

TEST_P(CollectivesConformance, GroupOfNoAxesIsAll) {
  EXPECT_OK(Run([](Collectives& c, Transport&) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(Collectives* const all, c.Group(""));
    EXPECT_EQ(all, &c);
    EXPECT_THAT(c.Group("no_such_axis"), StatusIs(kInvalid, HasSubstr("no_such_axis")));
    return absl::OkStatus();
  }));
}

TEST_P(CollectivesConformance, RefusesBadMoves) {
  EXPECT_OK(Run([](Collectives& c, Transport&) -> absl::Status {
    std::vector<double> data(64);
    double* d = data.data();
    EXPECT_THAT(c.Scatter(d, d + 32, 1, chips::F32, c.size()),
                StatusIs(kInvalid, HasSubstr(absl::StrCat("root ", c.size()))));
    EXPECT_THAT(c.Gather(d, d + 32, -2, chips::F32, 0),
                StatusIs(kInvalid, HasSubstr("gather of -2 f32")));
    EXPECT_THAT(c.Reduce(d, 1, chips::F32, Reduction::kSum, -1),
                StatusIs(kInvalid, HasSubstr("root -1")));
    EXPECT_THAT(c.Send(d, 1, chips::F32, c.rank()),
                StatusIs(kInvalid, HasSubstr("not another rank")));
    EXPECT_THAT(c.Recv(d, 1, chips::F32, c.size()),
                StatusIs(kInvalid, HasSubstr("not another rank")));
    EXPECT_THAT(c.Permute(d, d + 32, -1, chips::F32, 1),
                StatusIs(kInvalid, HasSubstr("permute of -1")));
    EXPECT_THAT(c.AllToAll(d, d + 32, 1, chips::DTYPE_UNSPECIFIED),
                StatusIs(kInvalid, HasSubstr("unspecified")));
    std::vector<int64_t> counts(static_cast<size_t>(c.size()), 1), short_of_one = counts;
    short_of_one.pop_back();
    EXPECT_THAT(c.AllToAllV(d, counts, d + 32, short_of_one, chips::F32),
                StatusIs(kInvalid, HasSubstr("one for each")));
    std::vector<int64_t> negative = counts;
    negative[0] = -1;
    EXPECT_THAT(c.AllToAllV(d, counts, d + 32, negative, chips::F32),
                StatusIs(kInvalid, HasSubstr("at least 0")));
    std::vector<int64_t> other = counts;
    other[static_cast<size_t>(c.rank())] = 2;
    EXPECT_THAT(c.AllToAllV(d, counts, d + 32, other, chips::F32),
                StatusIs(kInvalid, HasSubstr("must agree")));
    return c.Barrier();
  }));
}

}  // namespace strata::distributed
