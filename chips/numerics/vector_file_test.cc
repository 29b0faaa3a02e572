#include "chips/numerics/vector_file.h"

#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::chips {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kHeader[] =
    "a_fp32hex(k words),b_fp32hex(k words),c_fp32hex,d_fp32out_hex,d_fp16out_as_fp32hex\n";
constexpr char kRow[] = "3f800000 c0000000,3f000000 40400000,3f5091bb,bf794a57,BF794000\n";

void ExpectFault(const std::string& text, const std::string& where, const std::string& what) {
  EXPECT_THAT(ParseVectors(text, Format::kF16, "f.csv"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("f.csv:" + where), HasSubstr(what))));
}

TEST(VectorFile, ReadsOperandsAndResults) {
  STRATA_ASSERT_OK_AND_ASSIGN(const auto vectors,
                              ParseVectors(std::string(kHeader) + kRow, Format::kF16, "f.csv"));
  ASSERT_EQ(vectors.size(), 1u);
  EXPECT_EQ(vectors[0].line, 2);
  EXPECT_EQ(vectors[0].a, (std::vector<uint32_t>{0x3c00, 0xc000}));
  EXPECT_EQ(vectors[0].b, (std::vector<uint32_t>{0x3800, 0x4200}));
  EXPECT_EQ(vectors[0].c, 0x3f5091bbu);
  EXPECT_EQ(vectors[0].d_f32, 0xbf794a57u);
  EXPECT_EQ(vectors[0].d_f16, 0xbf794000u);
}

TEST(VectorFile, TheHeaderMayBeMissingOrNameOtherColumns) {
  STRATA_ASSERT_OK_AND_ASSIGN(const auto bare, ParseVectors(kRow, Format::kF16, "f.csv"));
  EXPECT_TRUE(bare[0].d_f32.has_value() && bare[0].d_f16.has_value());
  STRATA_ASSERT_OK_AND_ASSIGN(
      const auto four,
      ParseVectors("3f800000,3f800000,00000000,3f800000\r\n", Format::kF16, "f.csv"));
  EXPECT_TRUE(four[0].d_f32.has_value() && !four[0].d_f16.has_value());
  STRATA_ASSERT_OK_AND_ASSIGN(
      const auto swapped,
      ParseVectors("a_,b_,d_fp16,c_\n3f800000,40000000,3f800000,00000000\n", Format::kF16, "f"));
  EXPECT_EQ(swapped[0].d_f16, 0x3f800000u);
  EXPECT_FALSE(swapped[0].d_f32.has_value());
}

TEST(VectorFile, FaultsNameTheLineAndWhatWasExpected) {
  const std::string good = std::string(kHeader) + kRow;
  ExpectFault("", "", "holds no vectors");
  ExpectFault(kHeader, "", "holds no vectors");
  ExpectFault(good + "3f800000,3f800000\n", "3", "2 fields; expected 5: a_fp32hex");
  ExpectFault(good + "3f80000,3f800000,0,0,0\n", "3:1", "'3f80000'; expected the 8 hexadecimal");
  ExpectFault(good + "3f80000g,3f800000,0,0,0\n", "3:1", "'3f80000g'");
  ExpectFault(good + ",3f800000,00000000,00000000,00000000\n", "3:1", "no words");
  ExpectFault(good + "3f800000 3f800000,3f800000,00000000,00000000,00000000\n", "3",
              "a has 2 words and b 1");
  ExpectFault(good + "3f800000 3f80000x,3f800000,0,0,0\n", "3:10", "'3f80000x'");
  ExpectFault(good + "3f800000,3f800000,123456,0,0\n", "3:19", "'123456'");
  ExpectFault(good + "3f800001,3f800000,00000000,00000000,00000000\n", "3:1",
              "3f800001 (1) is no value of f16");
  ExpectFault("a_,b_,x_\n", "1", "column 'x_'");
  ExpectFault("a_,b_,a_\n", "1", "column 'a_' is there twice");
  ExpectFault("a_,b_,c_\n", "1", "d_fp32 or d_fp16");
}

TEST(VectorFile, TensorFloatOperandsLoseTheirLowBits) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      const auto vectors,
      ParseVectors("3f801fff,3f800000,00000000,3f800000\n", Format::kTf32, "f"));
  EXPECT_EQ(vectors[0].a[0], 0x3f800000u >> 13);
}

class Folder {
 public:
  Folder() : path_(std::string(testing::TempDir()) + "/vectors") {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

void WriteGzip(const std::string& path, const std::string& text, const char* mode) {
  gzFile file = gzopen(path.c_str(), mode);
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
}

TEST(VectorFile, ReadsGzipWithOneOrMoreMembers) {
  const Folder folder;
  WriteGzip(folder.path("v.gz"), std::string(kHeader) + kRow, "wb");
  WriteGzip(folder.path("v.gz"), kRow, "ab");
  STRATA_ASSERT_OK_AND_ASSIGN(const auto vectors, ReadVectors(folder.path("v.gz"), Format::kF16));
  EXPECT_EQ(vectors.size(), 2u);
}

TEST(VectorFile, MissingAndDamagedFilesAreSaidSo) {
  const Folder folder;
  EXPECT_THAT(ReadVectors(folder.path("none"), Format::kF16),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
  WriteGzip(folder.path("v.gz"), std::string(kHeader) + kRow, "wb");
  std::filesystem::resize_file(folder.path("v.gz"), 60);
  EXPECT_THAT(ReadVectors(folder.path("v.gz"), Format::kF16),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("v.gz"), HasSubstr("damaged or cut off gzip"))));
}

TEST(VectorFile, NoTextBreaksTheParser) {
  std::mt19937_64 random(3);
  const std::string good = std::string(kHeader) + kRow + kRow;
  for (int round = 0; round < 2000; ++round) {
    std::string text = good;
    for (uint64_t edits = random() % 4 + 1; edits > 0; --edits) {
      text[random() % text.size()] = static_cast<char>(random() % 3 == 0 ? ',' : random());
    }
    const auto vectors = ParseVectors(text, Format::kF16, "f");
    if (vectors.ok()) {
      EXPECT_FALSE(vectors->empty());
    } else {
      EXPECT_THAT(std::string(vectors.status().message()), HasSubstr("f:"));
    }
  }
}

}  // namespace
}  // namespace strata::chips
