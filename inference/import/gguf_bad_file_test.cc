// Faulty GGUF files: each is refused with the byte and the reason, whatever it says about its sizes.
#include <random>
#include <string>
#include <vector>

#include "base/allocated_bytes.h"
#include "base/file.h"
#include "base/spoil.h"
#include "base/status_matchers.h"
#include "inference/import/gguf.h"
#include "inference/import/gguf_writer.h"

namespace strata::inference {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

template <typename T>
std::string Number(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}
std::string Text(const std::string& text) { return Number<uint64_t>(text.size()) + text; }

std::string Head(uint64_t tensors, uint64_t entries) {
  return "GGUF" + Number<uint32_t>(3) + Number(tensors) + Number(entries);
}
std::string Description(const std::string& name, std::vector<uint64_t> dims, uint32_t type,
                        uint64_t offset) {
  std::string text = Text(name) + Number<uint32_t>(dims.size());
  for (uint64_t dim : dims) text += Number(dim);
  return text + Number(type) + Number(offset);
}
// With `data` bytes behind it, at the alignment.
std::string File(std::string head, size_t data) {
  head.resize((head.size() + 31) / 32 * 32);
  return head + std::string(data, '\x01');
}

absl::Status Parse(const std::string& content) {
  return GgufFile::Parse(content, nullptr, "f").status();
}
auto Refused(const std::string& message) {
  return StatusIs(absl::StatusCode::kInvalidArgument, AllOf(HasSubstr("f: "), HasSubstr(message)));
}

TEST(BadGguf, Heads) {
  EXPECT_THAT(Parse(""), Refused("byte 0: the file is truncated: the magic number takes 4"));
  EXPECT_THAT(Parse("GGML1234"), Refused("byte 0: does not begin with GGUF"));
  EXPECT_THAT(Parse("GGUF" + Number<uint32_t>(1)), Refused("byte 4: is of version 1"));
  EXPECT_THAT(Parse("GGUF" + Number<uint32_t>(4)), Refused("versions 2 and 3"));
  EXPECT_THAT(Parse("GGUF" + Number<uint32_t>(3 << 24)), Refused("big-endian"));
  EXPECT_THAT(Parse(Head(uint64_t{1} << 60, 0)),
              Refused("byte 8: says there are 1152921504606846976 tensors; the 8 bytes"));
  EXPECT_THAT(
      Parse(Head(0, uint64_t{1} << 60) + std::string(40, '\0')),
      Refused("byte 16: says there are 1152921504606846976 entries of metadata; the 40 bytes "
              "that follow can hold 2"));
  EXPECT_OK(Parse(Head(0, 0)));
}

TEST(BadGguf, Metadata) {
  const std::string pad(64, '\0');
  const auto entry = [&](const std::string& bytes) { return Parse(Head(0, 1) + bytes + pad); };
  EXPECT_THAT(entry(Number<uint64_t>(70000)), Refused("byte 24: a key says it is 70000 bytes"));
  EXPECT_THAT(entry(Text("")), Refused("a key is empty"));
  EXPECT_THAT(entry(Text("a\xff")), Refused("byte 33: a key is not UTF-8"));
  EXPECT_THAT(entry(Text("\xc3\xa9")), Refused("printable ASCII"));
  EXPECT_THAT(entry(Text("k") + Number<uint32_t>(13)),
              Refused("k: byte 33: there is no value type 13"));
  EXPECT_THAT(entry(Text("k") + Number<uint32_t>(7) + "\x02"), Refused("a bool is 2"));
  EXPECT_THAT(entry(Text("k") + Number<uint32_t>(8) + Number<uint64_t>(1000)),
              Refused("k: byte 45: the file is truncated: a string takes 1000 bytes"));
  EXPECT_THAT(entry(Text("k") + Number<uint32_t>(8) + Text("ab\x80")),
              Refused("byte 47: a string is not"));
  const std::string array = Text("k") + Number<uint32_t>(9);
  EXPECT_THAT(entry(array + Number<uint32_t>(9)), Refused("an array holds arrays"));
  EXPECT_THAT(entry(array + Number<uint32_t>(12) + Number(uint64_t{1} << 61)),
              Refused("k: byte 41: says there are 2305843009213693952 elements"));
  EXPECT_THAT(entry(array + Number<uint32_t>(8) + Number<uint64_t>(2) + Text("a") + Text("\xff")),
              Refused("a string of an array is not UTF-8"));
  const std::string twice = Text("k") + Number<uint32_t>(0) + "a";
  EXPECT_THAT(Parse(Head(0, 2) + twice + twice), Refused("byte 38: has the key k twice"));
  for (int64_t alignment : {0, -8, 12}) {
    EXPECT_THAT(entry(Text(kGgufAlignmentKey) + Number<uint32_t>(11) + Number(alignment)),
                Refused("general.alignment: is"));
  }
}

TEST(BadGguf, Tensors) {
  const auto one = [](const std::string& description, size_t data) {
    return Parse(File(Head(1, 0) + description, data));
  };
  EXPECT_OK(one(Description("w", {8}, 0, 0), 32));
  EXPECT_THAT(one(Text(""), 64), Refused("a tensor has an empty name"));
  EXPECT_THAT(one(Text(std::string(65, 'x')), 64), Refused("at most 64"));
  EXPECT_THAT(one(Text("w") + Number<uint32_t>(5), 64),
              Refused("description 0: tensor 'w': byte 33: has 5 dims"));
  EXPECT_THAT(one(Description("w", {uint64_t{1} << 63}, 0, 0), 64), Refused("a dim is -9"));
  EXPECT_THAT(one(Description("w", {uint64_t{1} << 40, uint64_t{1} << 40}, 0, 0), 64),
              Refused("byte 24: the product of its dims overflows"));
  EXPECT_THAT(one(Description("w", {8}, 4, 0), 64), Refused("its type 4 is not known"));
  EXPECT_THAT(one(Description("w", {33}, 8, 0), 64), Refused("33 elements; Q8_0 has blocks of 32"));
  EXPECT_THAT(one(Description("w", {8}, 0, 4), 64), Refused("no multiple of the alignment 32"));
  EXPECT_THAT(one(Description("w", {32}, 0, 0), 127),
              Refused("takes 128 bytes from byte 0 of the data, which has 127"));
  EXPECT_THAT(one(Description("w", {32}, 0, ~uint64_t{31}), 128),
              Refused("of the data, which has 128"));
  EXPECT_THAT(one(Description("w", {8}, 0, 32), 64), Refused("there is a hole after byte 0"));
  EXPECT_THAT(one(Description("w", {8}, 0, 0), 33),
              Refused("the tensors end at byte 32 of the data, which has 33"));

  const auto two = [](const std::string& a, const std::string& b, size_t data) {
    return Parse(File(Head(2, 0) + a + b, data));
  };
  EXPECT_OK(two(Description("a", {8}, 0, 32), Description("b", {8}, 0, 0), 64));
  EXPECT_THAT(two(Description("a", {8}, 0, 0), Description("a", {8}, 0, 32), 64),
              Refused("has the tensor 'a' twice"));
  EXPECT_THAT(two(Description("a", {16}, 0, 0), Description("b", {8}, 0, 32), 64),
              Refused("tensor 'b': begins at byte 32 of the data, inside the tensor before it"));
  EXPECT_THAT(two(Description("a", {8}, 0, 0), Description("b", {8}, 0, 64), 96),
              Refused("tensor 'b': begins at byte 64 of the data; there is a hole after byte 32"));
}

TEST(BadGguf, TypesWithoutAFormatAreNamed) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      const GgufFile file,
      GgufFile::Parse(File(Head(1, 0) + Description("w", {256}, 10, 0), 84), nullptr, "f"));
  EXPECT_EQ((*file.Tensor("w"))->format, nullptr);
  EXPECT_THAT(file.Decode("w"), StatusIs(absl::StatusCode::kUnimplemented,
                                         HasSubstr("f: tensor 'w': Q2_K is not decoded")));
}

// A small file with every kind of part.
std::string GoodFile() {
  const std::string path = JoinPath(::testing::TempDir(), "good.gguf");
  const std::string bytes(34 * 4, '\x11');
  const GgufMetadata metadata = {
      {"general.architecture", std::string("llama")},
      {"llama.block_count", uint32_t{2}},
      {"t.tokens", GgufArray::Of<std::string>({"<s>", "a", "\xe2\x82\xac"})},
      {"t.scores", GgufArray::Of<float>({0, -1, -2})},
      {"t.flag", true}};
  const chips::WeightFormat& q8 = **chips::FindWeightFormat("q8_0");
  const chips::WeightFormat& f32 = **chips::FindWeightFormat("f32");
  EXPECT_OK(WriteGguf(path, metadata,
                      {BytesOutput("a", q8, {2, 64}, bytes),
                       BytesOutput("b", f32, {3}, absl::string_view(bytes).substr(0, 12)),
                       BytesOutput("c", q8, {32}, absl::string_view(bytes).substr(0, 34))})
                .status());
  return *ReadFile(path);
}

// Parses, looks at everything, and checks what was allocated: maps and strings take some times what they describe.
void Exercise(const std::string& content) {
  const size_t before = AllocatedBytes();
  {
    const absl::StatusOr<GgufFile> file = GgufFile::Parse(content, nullptr, "f");
    if (!file.ok()) {
      EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
    } else {
      for (const auto& [key, value] : file->metadata()) {
        (void)GetTexts(file->metadata(), key);
        (void)GetIntegers(file->metadata(), key);
      }
      for (const auto& [name, tensor] : file->tensors()) (void)file->Decode(name);
    }
  }
  ASSERT_LE(AllocatedBytes() - before, 32 * content.size() + 16384);
}

TEST(BadGguf, EveryTruncationIsRefusedOrWhole) {
  const std::string good = GoodFile();
  ASSERT_OK(Parse(good));
  for (size_t size = 0; size < good.size(); ++size) {
    // Exact length, so that reading beyond it is seen by the memory checkers.
    const std::string cut(good.data(), size);
    Exercise(cut);
    if (size + 32 <= good.size()) {
      EXPECT_THAT(Parse(cut), Refused("")) << size;
    }
  }
}

TEST(BadGguf, EveryFlippedBitIsSurvived) {
  std::string content = GoodFile();
  for (size_t bit = 0; bit < 8 * content.size(); ++bit) {
    content[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    Exercise(content);
    content[bit / 8] ^= static_cast<char>(1 << (bit % 8));
  }
}

TEST(BadGguf, HugeNumbersAnywhereAreSurvived) {
  const std::string good = GoodFile();
  for (size_t at = 0; at + 8 <= good.size(); ++at) {
    for (uint64_t huge : {~uint64_t{0}, uint64_t{1} << 63, uint64_t{1} << 40, uint64_t{1} << 31}) {
      std::string content = good;
      content.replace(at, 8, Number(huge));
      Exercise(content);
    }
  }
}

TEST(BadGguf, RandomFaultsAreSurvived) {
  const std::string good = GoodFile();
  std::mt19937_64 random(7);
  for (int round = 0; round < 20000; ++round) Exercise(Spoil(good, random));
}

}  // namespace
}  // namespace strata::inference
