#include "framework/data/safetensors_stream.h"

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/allocated_bytes.h"
#include "base/file.h"
#include "base/spoil.h"
#include "base/status_matchers.h"
#include "framework/data/safetensors.h"

namespace strata::framework {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

SafetensorsOutput Output(const std::string& name, chips::DType dtype, std::vector<int64_t> dims,
                         const std::string& bytes) {
  return {name, dtype, std::move(dims), [bytes](const ByteSink& sink) -> absl::Status {
            // In two pieces, as any number is allowed.
            STRATA_RETURN_IF_ERROR(sink(absl::string_view(bytes).substr(0, bytes.size() / 3)));
            return sink(absl::string_view(bytes).substr(bytes.size() / 3));
          }};
}

class SafetensorsFolderTest : public ::testing::Test {
 protected:
  SafetensorsFolderTest() { std::filesystem::remove_all(folder_); }
  std::string Path(const std::string& name) const { return JoinPath(folder_, name); }
  std::vector<SafetensorsOutput> FiveTensors() const {
    std::vector<SafetensorsOutput> tensors;
    for (const char* name : {"e", "b", "a", "d", "c"}) {
      const bool half = name[0] == 'a';
      tensors.push_back(Output(name, half ? chips::BF16 : chips::F32, {25, half ? 2 : 1},
                               std::string(100, name[0])));
    }
    return tensors;
  }
  const std::string folder_ = JoinPath(::testing::TempDir(), "safetensors_folder");
};

TEST_F(SafetensorsFolderTest, OneFileWhenAllFit) {
  std::vector<std::string> progress;
  STRATA_ASSERT_OK_AND_ASSIGN(
      const auto paths,
      WriteSafetensorsFolder(folder_, FiveTensors(),
                             {.metadata = {{"format", "pt"}},
                              .written = [&](const auto& t) { progress.push_back(t.name); }}));
  EXPECT_THAT(paths, ElementsAre(Path("model.safetensors")));
  EXPECT_THAT(progress, ElementsAre("b", "c", "d", "e", "a"));  // the wider type first
  STRATA_ASSERT_OK_AND_ASSIGN(const SafetensorsFile file, OpenSafetensors(folder_));
  EXPECT_EQ(file.metadata().at("format"), "pt");
  for (const auto& [name, entry] : file.entries())
    EXPECT_EQ(entry.bytes, std::string(100, name[0]));
}

TEST_F(SafetensorsFolderTest, ShardsWithAnIndexThatReplaceOneFileAndBack) {
  ASSERT_OK(WriteSafetensorsFolder(folder_, {FiveTensors()[0]}).status());
  STRATA_ASSERT_OK_AND_ASSIGN(const auto paths,
                              WriteSafetensorsFolder(folder_, FiveTensors(), {.shard_bytes = 250}));
  EXPECT_THAT(paths, ElementsAre(Path("model-00001-of-00003.safetensors"),
                                 Path("model-00002-of-00003.safetensors"),
                                 Path("model-00003-of-00003.safetensors"),
                                 Path("model.safetensors.index.json")));
  STRATA_ASSERT_OK_AND_ASSIGN(const SafetensorsFile file, OpenSafetensors(folder_));
  ASSERT_EQ(file.entries().size(), 5u);
  for (const auto& [name, entry] : file.entries())
    EXPECT_EQ(entry.bytes, std::string(100, name[0]));
  EXPECT_THAT(*ReadFile(Path("model.safetensors.index.json")), HasSubstr("\"total_size\": 500"));

  ASSERT_OK(WriteSafetensorsFolder(folder_, {FiveTensors()[0]}).status());
  STRATA_ASSERT_OK_AND_ASSIGN(const SafetensorsFile one, OpenSafetensors(folder_));
  EXPECT_EQ(one.entries().size(), 1u);
}

TEST_F(SafetensorsFolderTest, WhatIsWrongNamesPathAndTensorAndWritesNothing) {
  ASSERT_OK(MakeDirectories(folder_));
  const auto write = [&](std::vector<SafetensorsOutput> tensors) {
    return WriteSafetensorsFolder(folder_, tensors).status();
  };
  const auto bad = [&](const char* message) {
    return StatusIs(absl::StatusCode::kInvalidArgument,
                    AllOf(HasSubstr(folder_), HasSubstr(message)));
  };
  const SafetensorsOutput good = Output("w", chips::F32, {1}, "1234");
  EXPECT_THAT(write({good, good}), bad("tensor 'w': is there twice"));
  EXPECT_THAT(write({Output("w", chips::F32, {1}, "123")}), bad("'w': gives 1 bytes less"));
  EXPECT_THAT(write({Output("w", chips::F32, {1}, "12345")}), bad("'w': gives more bytes"));
  EXPECT_THAT(write({Output("w", chips::DTYPE_UNSPECIFIED, {1}, "")}), bad("'w': has no dtype"));
  EXPECT_THAT(write({Output("\xff", chips::F32, {1}, "1234")}), bad("not UTF-8"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

// Indexes with faults, also paths that lead elsewhere, never open another file than a shard beside them.
TEST_F(SafetensorsFolderTest, SpoiltIndexesAreRefusedOrTheirTensorsRead) {
  ASSERT_OK(WriteSafetensorsFolder(folder_, FiveTensors(), {.shard_bytes = 250}).status());
  const std::string path = Path("model.safetensors.index.json");
  const std::string good = *ReadFile(path);
  std::mt19937_64 random(3);
  for (int round = 0; round < 300; ++round) {
    std::ofstream(path, std::ios::binary)
        << (round % 2 == 0 ? Spoil(good, random) : SpoilLine(good, random));
    const absl::StatusOr<SafetensorsFile> file = OpenSafetensors(folder_);
    if (!file.ok()) {
      EXPECT_THAT(file.status().message(), HasSubstr(folder_));
      continue;
    }
    for (const auto& [name, entry] : file->entries()) EXPECT_EQ(entry.bytes.size(), 100u);
  }
}

TEST(SafetensorsAllocation, IsInProportionToTheFile) {
  const auto allocated = [](const std::string& header) {
    std::string content(8, '\0');
    for (int i = 0; i < 8; ++i) content[i] = static_cast<char>(header.size() >> (8 * i));
    content += header;
    const size_t before = AllocatedBytes();
    EXPECT_FALSE(SafetensorsFile::Parse(content, nullptr, "f").ok());
    return AllocatedBytes() - before;
  };
  const std::string huge =
      R"({"w":{"dtype":"F32","shape":[4611686018427387904,2],"data_offsets":[0,9223372036854775807]}})";
  EXPECT_LE(allocated(huge), 64 * huge.size() + 16384);
  for (const char* open : {"[", "{\"a\":"}) {
    std::string deep = "{\"w\":";
    for (int i = 0; i < 20000; ++i) deep += open;
    EXPECT_LE(allocated(deep), 512 * deep.size());
  }
}

}  // namespace
}  // namespace strata::framework
