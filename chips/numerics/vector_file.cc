#include "chips/numerics/vector_file.h"

#include <zlib.h>

#include <bit>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "base/status.h"

namespace strata::chips {
namespace {

enum class Column { kA, kB, kC, kDF32, kDF16 };

struct Layout {
  std::vector<Column> columns;
  std::string text;  // for messages
};

// gzip's frame (RFC 1952), one or more members.
absl::StatusOr<std::string> Unzip(absl::string_view data) {
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
    return absl::InternalError("zlib does not start");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  std::string text;
  std::vector<char> block(1 << 16);
  int code = Z_OK;
  while (code == Z_OK || (code == Z_STREAM_END && stream.avail_in > 0)) {
    if (code == Z_STREAM_END) inflateReset(&stream);
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = static_cast<uInt>(block.size());
    code = inflate(&stream, Z_NO_FLUSH);
    text.append(block.data(), block.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (code == Z_STREAM_END) return text;
  return absl::InvalidArgumentError("is a damaged or cut off gzip file; fetch it again");
}

absl::StatusOr<Column> ColumnNamed(absl::string_view name) {
  if (absl::StartsWith(name, "a_")) return Column::kA;
  if (absl::StartsWith(name, "b_")) return Column::kB;
  if (absl::StartsWith(name, "c_")) return Column::kC;
  if (absl::StartsWith(name, "d_fp32")) return Column::kDF32;
  if (absl::StartsWith(name, "d_fp16")) return Column::kDF16;
  return absl::InvalidArgumentError(absl::StrCat(
      "column '", name, "'; expected names that begin with a_, b_, c_, d_fp32 or d_fp16"));
}

absl::StatusOr<Layout> LayoutOfHeader(absl::string_view line) {
  Layout layout{{}, std::string(line)};
  bool seen[5] = {};
  for (absl::string_view name : absl::StrSplit(line, ',')) {
    STRATA_ASSIGN_OR_RETURN(const Column column, ColumnNamed(name));
    if (seen[static_cast<size_t>(column)]) {
      return absl::InvalidArgumentError(absl::StrCat("column '", name, "' is there twice"));
    }
    seen[static_cast<size_t>(column)] = true;
    layout.columns.push_back(column);
  }
  if (!seen[0] || !seen[1] || !seen[2] || !(seen[3] || seen[4])) {
    return absl::InvalidArgumentError(
        absl::StrCat("columns '", line, "'; expected a_, b_, c_ and d_fp32 or d_fp16"));
  }
  return layout;
}

Layout DefaultLayout(absl::string_view line) {
  const std::vector<absl::string_view> fields = absl::StrSplit(line, ',');
  Layout layout{{Column::kA, Column::kB, Column::kC, Column::kDF32}, "a words,b words,c,d"};
  if (fields.size() == 5) {
    layout.columns.push_back(Column::kDF16);
    layout.text += ",d in fp16";
  }
  return layout;
}

absl::StatusOr<uint32_t> ParseWord(absl::string_view text) {
  uint32_t word = 0;
  bool good = text.size() == 8;
  for (const char c : text) {
    const int digit = absl::ascii_isdigit(static_cast<unsigned char>(c)) ? c - '0'
                      : c >= 'a' && c <= 'f'                             ? c - 'a' + 10
                      : c >= 'A' && c <= 'F'                             ? c - 'A' + 10
                                                                         : -1;
    good = good && digit >= 0;
    word = word << 4 | static_cast<uint32_t>(digit & 15);
  }
  if (good) return word;
  return absl::InvalidArgumentError(
      absl::StrCat("'", text, "'; expected the 8 hexadecimal digits of an fp32 word"));
}

// The operand's code of an fp32 word that holds its value.
absl::StatusOr<uint32_t> Narrow(uint32_t word, Format operand) {
  const double value = std::bit_cast<float>(word);
  const uint32_t code = Encode(
      operand, value,
      {.rounding = operand == Format::kTf32 ? Rounding::kTowardZero : Rounding::kNearestEven});
  const double back = Decode(operand, code);
  if (back == value || (std::isnan(value) && std::isnan(back)) || operand == Format::kTf32)
    return code;
  return absl::InvalidArgumentError(
      absl::StrFormat("%08x (%g) is no value of %s", word, value, Row(operand).name));
}

struct Line {
  absl::string_view text;
  std::string where;  // "f.csv:3"

  // "f.csv:3:17: ", the column at which `part` of the text begins.
  absl::Status Fault(const absl::Status& status, absl::string_view part) const {
    return Annotate(status, absl::StrCat(where, ":", part.data() - text.data() + 1));
  }
};

absl::StatusOr<std::vector<uint32_t>> ParseOperands(const Line& line, absl::string_view field,
                                                    Format operand) {
  std::vector<uint32_t> codes;
  for (absl::string_view text : absl::StrSplit(field, ' ', absl::SkipEmpty())) {
    const absl::StatusOr<uint32_t> word = ParseWord(text);
    const absl::StatusOr<uint32_t> code = word.ok() ? Narrow(*word, operand) : word;
    if (!code.ok()) return line.Fault(code.status(), text);
    codes.push_back(*code);
  }
  if (codes.empty()) {
    return line.Fault(absl::InvalidArgumentError("no words; expected one or more operands"), field);
  }
  return codes;
}

absl::Status ParseField(const Line& line, Column column, absl::string_view field, Format operand,
                        DotVector& vector) {
  if (column == Column::kA || column == Column::kB) {
    STRATA_ASSIGN_OR_RETURN((column == Column::kA ? vector.a : vector.b),
                            ParseOperands(line, field, operand));
    return absl::OkStatus();
  }
  const absl::StatusOr<uint32_t> word = ParseWord(field);
  if (!word.ok()) return line.Fault(word.status(), field);
  if (column == Column::kC) vector.c = *word;
  if (column == Column::kDF32) vector.d_f32 = *word;
  if (column == Column::kDF16) vector.d_f16 = *word;
  return absl::OkStatus();
}

absl::StatusOr<DotVector> ParseLine(const Line& line, const Layout& layout, Format operand) {
  const std::vector<absl::string_view> fields = absl::StrSplit(line.text, ',');
  if (fields.size() != layout.columns.size()) {
    return Annotate(
        absl::InvalidArgumentError(absl::StrCat(fields.size(), " fields; expected ",
                                                layout.columns.size(), ": ", layout.text)),
        line.where);
  }
  DotVector vector;
  for (size_t i = 0; i < fields.size(); ++i) {
    STRATA_RETURN_IF_ERROR(ParseField(line, layout.columns[i], fields[i], operand, vector));
  }
  if (vector.a.size() == vector.b.size()) return vector;
  return Annotate(
      absl::InvalidArgumentError(absl::StrCat("a has ", vector.a.size(), " words and b ",
                                              vector.b.size(), "; expected as many")),
      line.where);
}

}  // namespace

absl::StatusOr<std::vector<DotVector>> ParseVectors(absl::string_view text, Format operand,
                                                    const std::string& name) {
  std::vector<DotVector> vectors;
  Layout layout;
  int64_t number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::string where = absl::StrCat(name, ":", ++number);
    absl::ConsumeSuffix(&line, "\r");
    if (line.empty()) continue;
    if (layout.columns.empty()) {
      const bool header = absl::StartsWith(line, "a_");
      absl::StatusOr<Layout> read = header ? LayoutOfHeader(line) : DefaultLayout(line);
      if (!read.ok()) return Annotate(read.status(), where);
      layout = *std::move(read);
      if (header) continue;
    }
    STRATA_ASSIGN_OR_RETURN(DotVector vector, ParseLine({line, where}, layout, operand));
    vector.line = number;
    vectors.push_back(std::move(vector));
  }
  if (!vectors.empty()) return vectors;
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": holds no vectors; expected lines of a words,b words,c,d"));
}

absl::StatusOr<std::vector<DotVector>> ReadVectors(const std::string& path, Format operand) {
  STRATA_ASSIGN_OR_RETURN(std::string text, ReadFile(path));
  if (absl::StartsWith(text, "\x1f\x8b")) {
    absl::StatusOr<std::string> unzipped = Unzip(text);
    if (!unzipped.ok()) return Annotate(unzipped.status(), path);
    text = *std::move(unzipped);
  }
  return ParseVectors(text, operand, path);
}

}  // namespace strata::chips
