#include "framework/data/safetensors.h"

#include <cstring>
#include <random>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_matchers.h"

namespace strata::framework {
namespace {

using graph::HostTensor;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string TempPath(const std::string& name) { return JoinPath(::testing::TempDir(), name); }

// A file of a header text and data bytes.
std::string MakeFile(const std::string& header, const std::string& data = "") {
  std::string file;
  for (int i = 0; i < 8; ++i) file.push_back(static_cast<char>(header.size() >> (8 * i) & 0xff));
  return file + header + data;
}

absl::StatusOr<SafetensorsFile> Parse(const std::string& content) {
  auto owner = std::make_shared<const std::string>(content);
  return SafetensorsFile::Parse(*owner, owner, "x.safetensors");
}

std::string OneTensor(const std::string& fields) { return "{\"w\":{" + fields + "}}"; }

TEST(SafetensorsTest, ReadsAHandMadeFile) {
  const float values[] = {1.5f, -2, 3, 0.25f};
  std::string data(reinterpret_cast<const char*>(values), sizeof(values));
  data += std::string("\x01\xff\x7f", 3);
  STRATA_ASSERT_OK_AND_ASSIGN(
      const SafetensorsFile file,
      Parse(MakeFile(R"({"__metadata__":{"format":"pt"},)"
                     R"("b":{"dtype":"I8","shape":[3],"data_offsets":[16,19]},)"
                     R"("a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}   )",
                     data)));
  EXPECT_EQ(file.entries().size(), 2u);
  EXPECT_EQ(file.metadata().at("format"), "pt");
  STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor a, file.Get("a"));
  EXPECT_EQ(a.TypeString(), "f32[2, 2]");
  EXPECT_THAT(a.ToDoubles(), ElementsAre(1.5, -2, 3, 0.25));
  STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor b, file.Get("b"));
  EXPECT_THAT(b.ToDoubles(), ElementsAre(1, -1, 127));
  EXPECT_THAT(file.Get("c"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("no tensor 'c'")));
}

// Whatever the length of the header, tensors come out aligned for their type.
TEST(SafetensorsTest, UnalignedDataIsCopied) {
  const double value = 0.1;
  const std::string data(reinterpret_cast<const char*>(&value), sizeof(value));
  std::string header = OneTensor(R"("dtype":"F64","shape":[],"data_offsets":[0,8])");
  for (int padding = 0; padding < 9; ++padding, header += ' ') {
    STRATA_ASSERT_OK_AND_ASSIGN(const SafetensorsFile file, Parse(MakeFile(header, data)));
    STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor w, file.Get("w"));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(w.raw()) % sizeof(double), 0u);
    EXPECT_EQ(w.data<double>()[0], 0.1);
  }
}

TEST(SafetensorsTest, EmptyFileOfNoTensors) {
  STRATA_ASSERT_OK_AND_ASSIGN(const SafetensorsFile file, Parse(MakeFile("{}")));
  EXPECT_TRUE(file.entries().empty());
}

TEST(SafetensorsTest, TypesThatCannotBeComputedWithAreListedButNotGiven) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      const SafetensorsFile file,
      Parse(MakeFile(OneTensor(R"("dtype":"F4","shape":[2,3],"data_offsets":[0,3])"), "abc")));
  EXPECT_EQ(file.entries().at("w").dtype, "F4");
  EXPECT_THAT(file.Get("w"), StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("dtype F4")));
}

struct BadFile {
  const char* name;
  std::string content;
  const char* message;
};

std::vector<BadFile> BadFiles() {
  const std::string four(4, '\0'), eight(8, '\0');
  const auto entry = [](const char* fields) { return OneTensor(fields); };
  const auto two = [](int a, int b, int c, int d) {
    return absl::StrCat(R"({"a":{"dtype":"U8","shape":[)", b - a, R"(],"data_offsets":[)", a, ",",
                        b, R"(]},"b":{"dtype":"U8","shape":[)", d - c, R"(],"data_offsets":[)", c,
                        ",", d, "]}}");
  };
  return {
      {"Nothing", "", "has 0 bytes"},
      {"HalfALength", "abc", "is truncated: has 3 bytes"},
      {"HugeHeader", std::string(8, '\xff') + "{}", "at most 100000000 is allowed"},
      {"JustTooLargeHeader", std::string("\x01\xe1\xf5\x05\0\0\0\0", 8) + "{}",
       "length is 100000001"},
      {"TruncatedHeader", MakeFile("{}").substr(0, 9), "the header takes 2 bytes; 1 are there"},
      {"EmptyHeader", MakeFile(""), "does not start with '{'"},
      {"SpaceFirst", MakeFile(" {}"), "does not start with '{'"},
      {"NotJson", MakeFile("{]"), "not valid JSON"},
      {"TwoDocuments", MakeFile("{}{}"), "not valid JSON"},
      {"NotUtf8", MakeFile("{\"\xff\":1}"), "not valid JSON"},
      {"EntryIsNumber", MakeFile(R"({"w":1})"), "tensor 'w': must be an object"},
      {"NoDType", MakeFile(entry(R"("shape":[1],"data_offsets":[0,4])"), four),
       "dtype: must be a string"},
      {"UnknownDType", MakeFile(entry(R"("dtype":"F33","shape":[1],"data_offsets":[0,4])"), four),
       "tensor 'w': dtype: 'F33' is not"},
      {"NoShape", MakeFile(entry(R"("dtype":"F32","data_offsets":[0,4])"), four),
       "shape: must be a list"},
      {"NegativeDim", MakeFile(entry(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])"), four),
       "shape[0]: must be a whole number"},
      {"FractionalDim",
       MakeFile(entry(R"("dtype":"F32","shape":[1.0],"data_offsets":[0,4])"), four),
       "shape[0]: must be a whole number"},
      {"DimBeyond64Bits",
       MakeFile(entry(R"("dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4])"),
                four),
       "shape[0]: must be a whole number"},
      {"ProductOverflows",
       MakeFile(entry(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4])"),
                four),
       "product of the dims overflows"},
      {"BytesOverflow",
       MakeFile(entry(R"("dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,8])"),
                eight),
       "overflows"},
      {"PartOfAByte", MakeFile(entry(R"("dtype":"F4","shape":[3],"data_offsets":[0,2])"), "ab"),
       "do not fill whole bytes"},
      {"NoOffsets", MakeFile(entry(R"("dtype":"F32","shape":[1])"), four),
       "data_offsets: must be a list"},
      {"OneOffset", MakeFile(entry(R"("dtype":"F32","shape":[1],"data_offsets":[0])"), four),
       "must be [begin, end]"},
      {"BackwardOffsets",
       MakeFile(entry(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])"), four), "begin <= end"},
      {"TruncatedData", MakeFile(entry(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])"), four),
       "tensor 'w': data_offsets: ends at byte 8; the file has 4 bytes of data"},
      {"WrongLength", MakeFile(entry(R"("dtype":"F32","shape":[1],"data_offsets":[0,8])"), eight),
       "spans 8 bytes; dtype and shape need 4"},
      {"Overlap", MakeFile(two(0, 5, 4, 8), eight),
       "tensor 'b': starts at byte 4, inside the tensor before it"},
      {"Hole", MakeFile(two(0, 3, 4, 8), eight), "there is a hole after byte 3"},
      {"HoleAtTheStart", MakeFile(two(1, 3, 3, 8), eight), "there is a hole after byte 0"},
      {"BytesAfterTheLast", MakeFile(two(0, 3, 3, 7), eight), "end at byte 7; the file has 8"},
      {"DuplicateTensor",
       MakeFile(R"({"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
                R"("w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})"),
       "has the key 'w' twice"},
      {"DuplicateField",
       MakeFile(entry(R"("dtype":"U8","dtype":"I8","shape":[0],"data_offsets":[0,0])")),
       "has the key 'dtype' twice"},
      {"MetadataNumber", MakeFile(R"({"__metadata__":{"step":3}})"),
       "__metadata__: 'step': must be a string"},
      {"MetadataList", MakeFile(R"({"__metadata__":[]})"), "__metadata__: must be an object"},
  };
}

TEST(SafetensorsTest, BadFilesAreErrorsThatNameTheFault) {
  for (const BadFile& bad : BadFiles()) {
    EXPECT_THAT(Parse(bad.content),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("x.safetensors: "), HasSubstr(bad.message))))
        << bad.name;
  }
}

TEST(SafetensorsTest, NamesInErrorsAreEscapedAndCut) {
  EXPECT_THAT(Parse(MakeFile("{\"\\u001b[31m\":1}")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'\\x1b[31m'")));
  EXPECT_THAT(Parse(MakeFile("{\"" + std::string(5000, 'n') + "\":1}")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("nnn...'")));
}

std::map<std::string, HostTensor> SampleTensors() {
  std::map<std::string, HostTensor> tensors;
  tensors["scalar"] = HostTensor::FromVector<double>({}, {3.25});
  tensors["empty"] = HostTensor::Zeros(chips::F32, {0, 7});
  tensors["bytes"] = HostTensor::FromVector<uint8_t>({5}, {0, 1, 2, 254, 255});
  tensors["signed"] = HostTensor::FromVector<int8_t>({3}, {-128, 0, 127});
  tensors["ids"] = HostTensor::FromVector<int64_t>({2}, {-1, int64_t{1} << 60});
  tensors["ints"] = HostTensor::FromVector<int32_t>({1, 2}, {-7, 7});
  tensors["flags"] = HostTensor::FromDoubles(chips::BOOL, {3}, {1, 0, 1});
  tensors["half"] = HostTensor::FromDoubles(chips::F16, {3}, {0.5, -2, 65504});
  tensors["brain"] = HostTensor::FromDoubles(chips::BF16, {3}, {0.5, -2, 1e30});
  tensors["Größe \"1\""] = HostTensor::FromVector<float>({3, 1, 2}, {1, 2, 3, 4, 5, 6});
  return tensors;
}

TEST(SafetensorsTest, RoundTripOfEveryType) {
  const std::string path = TempPath("round_trip.safetensors");
  const std::map<std::string, HostTensor> tensors = SampleTensors();
  ASSERT_OK(WriteSafetensors(path, tensors, {{"format", "strata"}, {"step", "12"}}));
  STRATA_ASSERT_OK_AND_ASSIGN(const SafetensorsFile file, OpenSafetensors(path));
  EXPECT_EQ(file.metadata().at("step"), "12");
  ASSERT_EQ(file.entries().size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor read, file.Get(name));
    EXPECT_EQ(read.TypeString(), tensor.TypeString()) << name;
    EXPECT_EQ(std::memcmp(read.raw(), tensor.raw(), tensor.size_bytes()), 0) << name;
  }
}

TEST(SafetensorsTest, ViewsOutliveTheFile) {
  const std::string path = TempPath("views.safetensors");
  ASSERT_OK(WriteSafetensors(path, SampleTensors()));
  HostTensor ints;
  {
    STRATA_ASSERT_OK_AND_ASSIGN(const SafetensorsFile file, OpenSafetensors(path));
    STRATA_ASSERT_OK_AND_ASSIGN(ints, file.Get("ints"));
  }
  EXPECT_THAT(ints.ToDoubles(), ElementsAre(-7, 7));
}

TEST(SafetensorsTest, TheSameTensorsMakeTheSameAlignedFile) {
  const std::string a = TempPath("a.safetensors"), b = TempPath("b.safetensors");
  ASSERT_OK(WriteSafetensors(a, SampleTensors()));
  ASSERT_OK(WriteSafetensors(b, SampleTensors()));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string first, ReadFile(a));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string second, ReadFile(b));
  EXPECT_EQ(first, second);
  uint64_t header = 0;
  std::memcpy(&header, first.data(), sizeof(header));
  EXPECT_EQ((header + 8) % 64, 0u);
}

TEST(SafetensorsTest, WritingReplacesAndLeavesNothingBeside) {
  const std::string folder = TempPath("replace"), path = JoinPath(folder, "w.safetensors");
  ASSERT_OK(MakeDirectories(folder));
  ASSERT_OK(WriteSafetensors(path, SampleTensors()));
  ASSERT_OK(WriteSafetensors(path, {{"w", HostTensor::FromVector<float>({1}, {1})}}));
  STRATA_ASSERT_OK_AND_ASSIGN(const SafetensorsFile file, OpenSafetensors(path));
  EXPECT_EQ(file.entries().size(), 1u);
}

TEST(SafetensorsTest, WhatCannotBeWrittenLeavesTheOldFile) {
  const std::string path = TempPath("kept.safetensors");
  const HostTensor w = HostTensor::FromVector<float>({1}, {1});
  ASSERT_OK(WriteSafetensors(path, {{"w", w}}));
  EXPECT_THAT(WriteSafetensors(path, {{"w", HostTensor()}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'w': has no dtype")));
  EXPECT_THAT(WriteSafetensors(path, {{"__metadata__", w}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("cannot be named")));
  EXPECT_THAT(WriteSafetensors(path, {{"\xff", w}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not UTF-8")));
  EXPECT_THAT(WriteSafetensors(TempPath("no/such/folder/x.safetensors"), {{"w", w}}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no/such/folder")));
  STRATA_ASSERT_OK_AND_ASSIGN(const SafetensorsFile file, OpenSafetensors(path));
  EXPECT_TRUE(file.Has("w"));
}

// A folder with an index and its shards.
class ShardedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = TempPath(::testing::UnitTest::GetInstance()->current_test_info()->name());
    ASSERT_OK(MakeDirectories(folder_));
    ASSERT_OK(WriteSafetensors(JoinPath(folder_, "one.safetensors"),
                               {{"a", HostTensor::FromVector<float>({2}, {1, 2})}}));
    ASSERT_OK(WriteSafetensors(JoinPath(folder_, "two.safetensors"),
                               {{"b", HostTensor::FromVector<float>({1}, {3})},
                                {"c", HostTensor::FromVector<float>({1}, {4})}}));
  }
  void WriteIndex(const std::string& text) {
    ASSERT_OK(WriteFileAtomic(JoinPath(folder_, "model.safetensors.index.json"), text));
  }
  std::string folder_;
};

TEST_F(ShardedTest, TensorsComeFromTheirShards) {
  WriteIndex(
      R"({"metadata":{"total_size":16},)"
      R"("weight_map":{"a":"one.safetensors","b":"two.safetensors","c":"two.safetensors"}})");
  for (const std::string& path : {folder_, JoinPath(folder_, "model.safetensors.index.json")}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const SafetensorsFile file, OpenSafetensors(path));
    EXPECT_EQ(file.entries().size(), 3u);
    STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor c, file.Get("c"));
    EXPECT_THAT(c.ToDoubles(), ElementsAre(4));
  }
}

TEST_F(ShardedTest, FaultsOfTheIndex) {
  const auto open = [&](const std::string& text) {
    WriteIndex(text);
    return OpenSafetensors(folder_);
  };
  EXPECT_THAT(open("{"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not valid JSON")));
  EXPECT_THAT(open("{}"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("weight_map: must be")));
  EXPECT_THAT(
      open(R"({"weight_map":{"a":"two.safetensors"}})"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'a': is not in two.safetensors")));
  EXPECT_THAT(open(R"({"weight_map":{"a":"three.safetensors"}})"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("three.safetensors")));
  EXPECT_THAT(open(R"({"weight_map":{"a":"one.safetensors","a":"one.safetensors"}})"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("twice")));
  for (const char* trick : {"../one.safetensors", "/etc/passwd", "", ".", "..", "a/b.safetensors",
                            "a\\\\b.safetensors", "one.safetensors\\u0000"}) {
    EXPECT_THAT(open(absl::StrCat(R"({"weight_map":{"a":")", trick, "\"}}")),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not the plain name")))
        << trick;
  }
}

TEST_F(ShardedTest, AFolderWithoutWeights) {
  EXPECT_THAT(OpenSafetensors(folder_),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("has neither model.safetensors")));
  EXPECT_THAT(OpenSafetensors(JoinPath(folder_, "none.safetensors")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none.safetensors")));
}

// Every truncation of a good file is an error, and reads nothing outside it.
TEST(SafetensorsFuzzTest, EveryTruncationIsAnError) {
  const std::string path = TempPath("truncate.safetensors");
  ASSERT_OK(WriteSafetensors(path, SampleTensors()));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string good, ReadFile(path));
  ASSERT_OK(Parse(good));
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_THAT(Parse(good.substr(0, length)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("x.safetensors")));
  }
}

// Mutated files give an error or tensors that can be read to their end; never a crash.
TEST(SafetensorsFuzzTest, MutationsNeverCrash) {
  const std::string path = TempPath("mutate.safetensors");
  ASSERT_OK(WriteSafetensors(path, SampleTensors(), {{"k", "v"}}));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string good, ReadFile(path));
  constexpr char kTelling[] = "{}[]:,\"-0123456789eE.\\ FIB\0\xff";
  std::mt19937 random(7);
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  size_t accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bad = good;
    for (size_t edits = 1 + below(4); edits-- > 0 && !bad.empty();) {
      const size_t at = below(below(4) == 0 ? bad.size() : std::min<size_t>(bad.size(), 700));
      switch (below(4)) {
        case 0:
          bad[at] = kTelling[below(sizeof(kTelling))];
          break;
        case 1:
          bad[at] = static_cast<char>(bad[at] ^ (1 << below(8)));
          break;
        case 2:
          bad.erase(at, 1 + below(9));
          break;
        default:
          bad.insert(at, bad.substr(below(bad.size()), below(20)));
          break;
      }
    }
    const absl::StatusOr<SafetensorsFile> file = Parse(bad);
    if (!file.ok()) continue;
    ++accepted;
    for (const auto& [name, entry] : file->entries()) {
      const absl::StatusOr<HostTensor> tensor = file->Get(name);
      if (tensor.ok()) {
        EXPECT_EQ(tensor->ToDoubles().size(), static_cast<size_t>(tensor->elements()));
      }
    }
  }
  EXPECT_GT(accepted, 0u);  // a changed weight or name is no fault of the format
}

}  // namespace
}  // namespace strata::framework
