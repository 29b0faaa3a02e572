#include "inference/import/gguf.h"

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status_matchers.h"
#include "inference/import/gguf_writer.h"

namespace strata::inference {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const chips::WeightFormat& Format(const char* name) { return **chips::FindWeightFormat(name); }

std::string Bytes(size_t count, int first = 0) {
  std::string bytes(count, '\0');
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<char>(first + i);
  return bytes;
}

class GgufTest : public ::testing::Test {
 protected:
  GgufTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  std::string Path(const std::string& name) const { return JoinPath(folder_, name); }
  const std::string folder_ = JoinPath(::testing::TempDir(), "gguf");
};

// A file written out byte for byte from the format's description.
TEST_F(GgufTest, ReadsAFileMadeByHand) {
  using namespace std::string_literals;
  std::string whole =
      "GGUF\x03\0\0\0"s
      "\x01\0\0\0\0\0\0\0"s                                         // one tensor,
      "\x02\0\0\0\0\0\0\0"s                                         // two entries:
      "\x03\0\0\0\0\0\0\0a.b\x04\0\0\0\x07\0\0\0"s                  // a.b is u32 7,
      "\x01\0\0\0\0\0\0\0z\x09\0\0\0\x08\0\0\0\x02\0\0\0\0\0\0\0"s  // z two strings
      "\x01\0\0\0\0\0\0\0x\x02\0\0\0\0\0\0\0\xc3\xa9"s
      "\x01\0\0\0\0\0\0\0w\x02\0\0\0"s         // tensor w of two dims,
      "\x03\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0"s  // 3 the inner and 2 the outer,
      "\0\0\0\0\0\0\0\0\0\0\0\0"s;             // f32 from byte 0 on
  whole.resize((whole.size() + 31) / 32 * 32);
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  whole.append(reinterpret_cast<const char*>(values.data()), 24);

  STRATA_ASSERT_OK_AND_ASSIGN(const GgufFile file, GgufFile::Parse(whole, nullptr, "made"));
  EXPECT_EQ(file.version(), 3u);
  EXPECT_EQ(*GetInteger(file.metadata(), "a.b"), 7);
  EXPECT_THAT(*GetTexts(file.metadata(), "z"), ElementsAre("x", "\xc3\xa9"));
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::HostTensor w, file.Decode("w"));
  EXPECT_THAT(w.dims(), ElementsAre(2, 3));
  EXPECT_EQ(w.ToDoubles(), std::vector<double>({1, 2, 3, 4, 5, 6}));
}

TEST_F(GgufTest, EveryTypeOfValueComesBack) {
  const GgufMetadata metadata = {
      {"u8", uint8_t{255}},
      {"i8", int8_t{-128}},
      {"u16", uint16_t{65535}},
      {"i16", int16_t{-32768}},
      {"u32", uint32_t{4294967295u}},
      {"i32", int32_t{-7}},
      {"f32", 0.1f},
      {"yes", true},
      {"no", false},
      {"text", std::string("\xe2\x82\xac and \0 too", 12)},
      {"empty", std::string()},
      {"u64", uint64_t{1} << 63},
      {"i64", int64_t{-1} << 62},
      {"f64", 1e300},
      {"texts", GgufArray::Of<std::string>({"a", "", "bc"})},
      {"bools", GgufArray::Of<bool>({true, false})},
      {"numbers", GgufArray::Of<float>({1.5f, -2})},
      {"ids", GgufArray::Of<int32_t>({3, -1})},
      {"none", GgufArray::Of<std::string>({})},
  };
  STRATA_ASSERT_OK_AND_ASSIGN(const auto paths, WriteGguf(Path("m.gguf"), metadata, {}));
  EXPECT_THAT(paths, ElementsAre(Path("m.gguf")));
  STRATA_ASSERT_OK_AND_ASSIGN(const GgufFile file, OpenGguf(paths[0]));
  EXPECT_EQ(file.metadata(), metadata);
  EXPECT_THAT(*GetIntegers(metadata, "ids"), ElementsAre(3, -1));
  EXPECT_THAT(*GetIntegers(metadata, "bools"), ElementsAre(1, 0));
  EXPECT_THAT(*GetNumbers(metadata, "numbers"), ElementsAre(1.5, -2));
  EXPECT_EQ(*GetNumber(metadata, "i32"), -7);
  EXPECT_TRUE(*GetBool(metadata, "yes"));
}

TEST_F(GgufTest, ReadsOfAnotherKindNameKeyAndTypes) {
  const GgufMetadata metadata = {
      {"a", 1.5f}, {"big", uint64_t{1} << 63}, {"list", GgufArray::Of<float>({1})}};
  using absl::StatusCode;
  EXPECT_THAT(GetInteger(metadata, "a"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("a: is f32, not a whole number")));
  EXPECT_THAT(GetInteger(metadata, "big"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("that fits 63 bits")));
  EXPECT_THAT(GetInteger(metadata, "b"), StatusIs(StatusCode::kNotFound, HasSubstr("b: is not")));
  EXPECT_THAT(GetText(metadata, "list"), StatusIs(StatusCode::kInvalidArgument,
                                                  HasSubstr("is an array of f32, not a string")));
  EXPECT_THAT(GetTexts(metadata, "list"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("not an array of strings")));
  EXPECT_THAT(GetIntegers(metadata, "list"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("not an array of whole numbers")));
}

TEST_F(GgufTest, TensorsOfEveryFormatComeBack) {
  std::vector<GgufOutput> outputs;
  std::vector<std::string> content;
  for (const chips::WeightFormat& format : chips::AllWeightFormats()) {
    content.push_back(Bytes(static_cast<size_t>(chips::RowBytes(format, 512) * 3), content.size()));
  }
  for (size_t f = 0; f < content.size(); ++f) {
    const chips::WeightFormat& format = chips::AllWeightFormats()[f];
    outputs.push_back(BytesOutput(format.name, format, {3, 512}, content[f]));
  }
  const std::string scalar = Bytes(4);
  outputs.push_back(BytesOutput("scalar", Format("f32"), {}, scalar));
  outputs.push_back(BytesOutput("empty", Format("q8_0"), {0, 32}, ""));
  ASSERT_OK(WriteGguf(Path("t.gguf"), {{kGgufAlignmentKey, uint32_t{64}}}, outputs).status());
  STRATA_ASSERT_OK_AND_ASSIGN(const GgufFile file, OpenGguf(Path("t.gguf")));
  EXPECT_THAT(file.tensors(), SizeIs(outputs.size()));
  for (size_t f = 0; f < content.size(); ++f) {
    const chips::WeightFormat& format = chips::AllWeightFormats()[f];
    STRATA_ASSERT_OK_AND_ASSIGN(const GgufTensor* tensor, file.Tensor(format.name));
    EXPECT_EQ(tensor->format, &format);
    EXPECT_THAT(tensor->dims, ElementsAre(3, 512));
    EXPECT_EQ(tensor->bytes, content[f]);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor->bytes.data()) % 64, 0u);
    STRATA_ASSERT_OK_AND_ASSIGN(const graph::HostTensor values, file.Decode(format.name));
    std::vector<float> want(3 * 512);
    chips::DecodeRow(format, reinterpret_cast<const uint8_t*>(content[f].data()), 3 * 512,
                     want.data());
    EXPECT_EQ(std::memcmp(values.raw(), want.data(), values.size_bytes()), 0) << format.name;
  }
  EXPECT_EQ((*file.Decode("scalar")).rank(), 0);
  EXPECT_EQ((*file.Tensor("empty"))->elements(), 0);
  EXPECT_THAT(file.Tensor("y"), StatusIs(absl::StatusCode::kNotFound,
                                         AllOf(HasSubstr("t.gguf"), HasSubstr("no tensor 'y'"))));
}

TEST_F(GgufTest, SplitsAndJoins) {
  const std::string content = Bytes(400);
  std::vector<GgufOutput> outputs;
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    outputs.push_back(BytesOutput(name, Format("f32"), {100}, content));
  }
  const GgufMetadata metadata = {{"general.architecture", std::string("x")}};
  std::vector<std::string> progress;
  STRATA_ASSERT_OK_AND_ASSIGN(
      const auto paths, WriteGguf(Path("s.gguf"), metadata, outputs,
                                  {.split_bytes = 900, .written = [&](const GgufOutput& tensor) {
                                     progress.push_back(tensor.name);
                                   }}));
  EXPECT_THAT(paths, ElementsAre(Path("s-00001-of-00003.gguf"), Path("s-00002-of-00003.gguf"),
                                 Path("s-00003-of-00003.gguf")));
  EXPECT_THAT(progress, ElementsAre("a", "b", "c", "d", "e"));
  STRATA_ASSERT_OK_AND_ASSIGN(const GgufFile file, OpenGguf(paths[0]));
  EXPECT_THAT(file.tensors(), SizeIs(5));
  for (const auto& [name, tensor] : file.tensors()) EXPECT_EQ(tensor.bytes, content) << name;
  EXPECT_EQ(*GetText(file.metadata(), "general.architecture"), "x");

  EXPECT_THAT(OpenGguf(paths[1]), StatusIs(absl::StatusCode::kInvalidArgument,
                                           HasSubstr("is part 2 of 3; open the first")));
  std::filesystem::copy_file(paths[0], Path("other.gguf"));
  EXPECT_THAT(OpenGguf(Path("other.gguf")),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("its name must end in -00001-of-00003.gguf")));
  std::filesystem::copy_file(paths[2], paths[1], std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(OpenGguf(paths[0]),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("00002-of-00003.gguf: says it is part 3 of 3")));
  std::filesystem::remove(paths[1]);
  EXPECT_THAT(OpenGguf(paths[0]),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("s-00002-of-00003.gguf")));
}

// Parts that bear the right numbers but are of two models.
TEST_F(GgufTest, PartsOfTwoModelsAreRefused) {
  const std::string content = Bytes(400);
  const auto write = [&](const std::string& name, const std::string& tensors) {
    std::vector<GgufOutput> outputs;
    for (const char tensor : tensors)
      outputs.push_back(BytesOutput(std::string(1, tensor), Format("f32"), {100}, content));
    return *WriteGguf(Path(name + ".gguf"), {}, outputs, {.split_bytes = 900});
  };
  const auto expect = [&](const std::string& name, const std::string& other, size_t part,
                          const char* why) {
    const auto paths = write("mixed", "abcde"), others = write(name, other);
    ASSERT_EQ(paths.size(), others.size());
    std::filesystem::copy_file(others[part], paths[part],
                               std::filesystem::copy_options::overwrite_existing);
    EXPECT_THAT(OpenGguf(paths[0]), StatusIs(absl::StatusCode::kInvalidArgument,
                                             AllOf(HasSubstr("mixed-0000"), HasSubstr(why),
                                                   HasSubstr("are these parts of one model?"))));
  };
  expect("turned", "edcba", 1, "tensor 'b' is in an earlier part too");
  expect("more", "abcdef", 2, "split.tensors.count says 5; the parts have 6");
}

TEST_F(GgufTest, TheWriterRefusesWhatAReaderWould) {
  const std::string content = Bytes(128);
  const auto write = [&](const GgufMetadata& metadata, std::vector<GgufOutput> outputs) {
    return WriteGguf(Path("bad.gguf"), metadata, outputs).status();
  };
  const auto bad = [](const char* message) {
    return StatusIs(absl::StatusCode::kInvalidArgument,
                    AllOf(HasSubstr("bad.gguf: "), HasSubstr(message)));
  };
  const GgufOutput good = BytesOutput("a", Format("f32"), {32}, content);
  EXPECT_THAT(write({}, {good, good}), bad("tensor 'a' is there twice"));
  EXPECT_THAT(write({}, {BytesOutput("", Format("f32"), {32}, content)}), bad("1 to 64 bytes"));
  EXPECT_THAT(write({}, {BytesOutput("a", Format("q8_0"), {2, 33}, content)}),
              bad("rows of 33 elements are no whole blocks of q8_0 (32)"));
  EXPECT_THAT(write({}, {BytesOutput("a", Format("f32"), {1, 1, 1, 1, 32}, content)}),
              bad("5 dims"));
  EXPECT_THAT(write({}, {BytesOutput("a", Format("f32"), {31}, content)}), bad("gives more bytes"));
  EXPECT_THAT(write({}, {BytesOutput("a", Format("f32"), {33}, content)}), bad("4 bytes less"));
  EXPECT_THAT(write({{"a b", true}}, {}), bad("key 'a b'"));
  EXPECT_THAT(write({{"a", std::string("\xff")}}, {}), bad("a: is not UTF-8"));
  EXPECT_THAT(write({{"a", GgufArray::Of<std::string>({"x", "\xc3"})}}, {}),
              bad("a: is not UTF-8"));
  EXPECT_THAT(write({{kGgufAlignmentKey, uint32_t{12}}}, {}), bad("multiple of 8"));
  EXPECT_FALSE(FileExists(Path("bad.gguf")));
}

}  // namespace
}  // namespace strata::inference
