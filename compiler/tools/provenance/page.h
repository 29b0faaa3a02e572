// ProvenancePage: a Provenance as one self-contained HTML page. Needs nothing from outside and no network, follows the
// reader's light or dark mode, and holds thousands of steps (only the rows in sight exist).
//
//   STRATA_RETURN_IF_ERROR(WriteFileAtomic("page.html", ProvenancePage(provenance)));
//
// The same provenance gives the same bytes. All text is escaped: names and sources cannot end the page's own markup.
#ifndef STRATA_COMPILER_TOOLS_PROVENANCE_PAGE_H_
#define STRATA_COMPILER_TOOLS_PROVENANCE_PAGE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "compiler/tools/provenance/provenance.h"

namespace strata::compiler {

std::string ProvenancePage(const Provenance& provenance);

// The page's data: an object with origins, lines, steps and kernels, links as indices. Safe inside a <script>.
std::string ProvenanceJson(const Provenance& provenance);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_TOOLS_PROVENANCE_PAGE_H_
