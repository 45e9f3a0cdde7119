#include "services/cli/table.h"

#include <gtest/gtest.h>

namespace waybill::cli {
namespace {

TEST(Table, AlignsTextLeftAndNumbersRight) {
  Table table({"SITE", "BYTES>", "REASON"});
  table.Add({"CEN", "5", ""});
  table.Add({"caf\xc3\xa9", "12,000", "why not"});
  EXPECT_EQ(table.ToString(),
            "SITE   BYTES  REASON\n"
            "CEN        5\n"
            "caf\xc3\xa9  12,000  why not\n");
}

TEST(Table, KeepsEachRowOnItsLine) {
  Table table({"A"});
  table.Add({"two\nlines"});
  EXPECT_EQ(table.ToString(2), "  A\n  two\\nlines\n");
}

}  // namespace
}  // namespace waybill::cli
