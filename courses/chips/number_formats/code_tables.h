// Tables of all codes of a format, for the page.
#ifndef STRATA_COURSES_CHIPS_NUMBER_FORMATS_CODE_TABLES_H_
#define STRATA_COURSES_CHIPS_NUMBER_FORMATS_CODE_TABLES_H_

#include "chips/numerics/format.h"
#include "courses/lab/report.h"

namespace strata::courses {

// What the format is: bits, range, smallest step, what is not a number. One row a format of 8 bits or fewer.
Table FormatTable();

// Every code of a format of 8 bits or fewer. Of floats the codes without a sign: a row an exponent, a column a
// mantissa. Others: a row the upper four bits, a column the lower four.
Table CodeTable(chips::Format format);

}  // namespace strata::courses

#endif  // STRATA_COURSES_CHIPS_NUMBER_FORMATS_CODE_TABLES_H_
