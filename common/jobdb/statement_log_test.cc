#include "common/jobdb/statement_log.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "common/jobdb/statement.h"

namespace waybill::jobdb {
namespace {

// One test: the log opens its file once in a process.
TEST(StatementLog, AppendsEachPathOnceAndKeepsWhatOthersWrote) {
  const std::string path = ::testing::TempDir() + "/statement_log_test.txt";
  std::ofstream(path) << "services/x/sql/other.sql\n";
  ASSERT_EQ(setenv("WAYBILL_STATEMENT_LOG", path.c_str(), /*overwrite=*/1), 0);
  RecordExecuted({"a", "SELECT 1", "services/x/sql/a.sql"});
  RecordExecuted({"a", "SELECT 1", "services/x/sql/a.sql"});
  RecordExecuted({"no_file", "SELECT 1"});
  RecordExecuted({"b", "SELECT 1", "services/x/sql/b.sql"});
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}),
            "services/x/sql/other.sql\nservices/x/sql/a.sql\nservices/x/sql/b.sql\n");
}

}  // namespace
}  // namespace waybill::jobdb
