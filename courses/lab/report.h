// One self-contained HTML page: key figures, sections with a table of contents, tables, code, figures.
//
//   Report report("Strata: the tour", "A GPT from text to served text, through every layer");
//   report.AddCard({"final loss", "1.83 nats", "from 7.62", Check::kPass});
//   report.AddSection("Training");
//   report.AddParagraph("Two ranks, `ring` all-reduce.");          // `x` is code, **x** is bold
//   report.AddFigure(LinePlot(...), "Cross entropy of the training batches.");
//   report.BeginDetails("The kernel's source");
//   report.AddCode(kernel.source(), "c");
//   report.EndDetails();
//   STRATA_RETURN_IF_ERROR(report.Write("report.html"));
//
// The page needs nothing from outside, follows the reader's light or dark mode, and prints. All text is escaped; only
// the SVG of figures is taken as it is. The same calls give the same bytes.
#ifndef STRATA_COURSES_LAB_REPORT_H_
#define STRATA_COURSES_LAB_REPORT_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "courses/lab/claims.h"

namespace strata::courses {

enum class Check { kNone, kPass, kFail };

// A key figure at the top of the page; with a Check also a verdict.
struct Card {
  std::string label = {};
  std::string value = {};
  std::string detail = {};
  Check check = Check::kNone;
};

// One cell of a table: what is read, and by what it is sorted (without a number, by the text).
struct Cell {
  std::string text = {};
  std::optional<double> sort_by = {};

  Cell(std::string value) : text(std::move(value)) {}  // NOLINT: a text is a cell
  Cell(const char* value) : text(value) {}             // NOLINT
  Cell(absl::string_view value) : text(value) {}       // NOLINT
  Cell(double value,
       absl::string_view unit = "");  // NOLINT: SiNumber(value, unit); sorted by value
};

struct Column {
  std::string header = {};
  bool numeric = false;  // aligned right, in figures of one width
  bool code = false;     // in the code font
};

struct Table {
  std::vector<Column> columns = {};
  std::vector<std::vector<Cell>> rows = {};  // short rows are filled up, long ones cut
  std::string caption = {};
  bool sortable = true;  // by a click on a header
};

class Report {
 public:
  explicit Report(std::string title, std::string subtitle = "");

  void AddCard(Card card) { cards_.push_back(std::move(card)); }

  // Start a section (level 2) or a part of one (level 3); open details are ended. Returns the anchor: "training-2".
  std::string AddSection(absl::string_view title);
  std::string AddSubsection(absl::string_view title);

  void AddParagraph(absl::string_view text);
  void AddList(const std::vector<std::string>& items);
  void AddTable(const Table& table);
  // `language`: "c" (also C++ and CUDA) is coloured, anything else is plain.
  void AddCode(absl::string_view code, absl::string_view language = "",
               absl::string_view caption = "");
  void AddFigure(absl::string_view svg, absl::string_view caption = "");
  // A line with a verdict for each claim.
  void AddClaims(const std::vector<Claim>& claims);
  // What is between the two is folded away until opened. They may be nested.
  void BeginDetails(absl::string_view summary, bool open = false);
  void EndDetails();

  // All that were added, in their order.
  const std::vector<Claim>& claims() const { return claims_; }
  // Whether all claims hold and no card failed.
  bool passed() const;

  std::string Html() const;

  // Writes the page atomically.
  absl::Status Write(const std::string& path) const;

 private:
  struct Heading {
    int level;
    std::string title;
    std::string anchor;
  };

  std::string AddHeading(int level, absl::string_view title);
  std::string CardsHtml() const;
  std::string ContentsHtml() const;

  std::string title_;
  std::string subtitle_;
  std::vector<Card> cards_;
  std::vector<Heading> headings_;
  std::string body_;
  int open_details_ = 0;
  std::vector<Claim> claims_;
};

}  // namespace strata::courses

#endif  // STRATA_COURSES_LAB_REPORT_H_
