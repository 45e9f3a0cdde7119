#include "common/jobdb/migrate.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/jobdb/statement.h"
#include "common/jobdb/test_database.h"
#include "common/status/status_matchers.h"

namespace waybill::jobdb {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class MigrateTest : public ::testing::Test {
 protected:
  // Never stops, and does `then` instead of waiting.
  SchemaWait Wait(absl::Duration limit, std::function<void()> then) {
    return {.limit = limit,
            .pause =
                [then](absl::Duration) {
                  then();
                  return true;
                },
            .report = [this](absl::string_view line) { reports_.emplace_back(line); }};
  }

  static std::vector<Statement> NewestAnd(const Statement& migration) {
    std::vector<Statement> migrations(Migrations().begin(), Migrations().end());
    migrations.push_back(migration);
    return migrations;
  }

  void DropSchema() { server_.Execute("DROP SCHEMA waybill CASCADE"); }

  TestDatabase server_;
  std::vector<std::string> reports_;
};

TEST_F(MigrateTest, DoesNothingTheSecondTime) {
  EXPECT_THAT(Migrate(server_.uri()), IsOk());
}

TEST_F(MigrateTest, AppliesOnlyWhatIsMissing) {
  const auto migrations = NewestAnd({"9998_add", "CREATE TABLE waybill.added (id int)"});
  EXPECT_THAT(Migrate(server_.uri(), migrations), IsOk());
  EXPECT_THAT(Migrate(server_.uri(), migrations), IsOk());
  EXPECT_EQ(server_.QueryText("SELECT count(*) FROM waybill.added"), "0");
}

TEST_F(MigrateTest, LeavesTheDatabaseAsItWasWhenOneFails) {
  auto migrations = NewestAnd({"9998_add", "CREATE TABLE waybill.added (id int)"});
  migrations.push_back({"9999_fail", "SELECT no_such_function()"});
  const absl::Status status = Migrate(server_.uri(), migrations);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(std::string(status.message()), HasSubstr("9999_fail"));
  EXPECT_EQ(server_.QueryText("SELECT to_regclass('waybill.added')"), "NULL");
}

TEST_F(MigrateTest, RefusesADatabaseOfANewerProgram) {
  ASSERT_THAT(Migrate(server_.uri(), NewestAnd({"9999_newer", "SELECT 1"})), IsOk());
  EXPECT_THAT(Migrate(server_.uri()), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(WaitForSchema(server_.uri(), Wait(absl::Hours(1), [] {})),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(MigrateTest, RefusesAMigrationThatWasChangedAfterItWasApplied) {
  server_.Execute("UPDATE waybill.schema_migration SET sha256 = 'other'");
  const absl::Status status = Migrate(server_.uri());
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(status.message()), HasSubstr("was changed"));
}

TEST_F(MigrateTest, WaitsUntilSomebodyMigrates) {
  DropSchema();
  EXPECT_THAT(
      WaitForSchema(server_.uri(),
                    Wait(absl::Hours(1), [&] { ASSERT_THAT(Migrate(server_.uri()), IsOk()); })),
      IsOk());
  ASSERT_THAT(reports_, SizeIs(1));
  EXPECT_THAT(reports_[0], HasSubstr("waybill-scheduler migrate"));
}

TEST_F(MigrateTest, SaysWhatIsMissingWhenItsTimeIsUp) {
  DropSchema();
  EXPECT_THAT(WaitForSchema(server_.uri(), Wait(absl::ZeroDuration(), [] {})),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(WaitForSchema("host=/nonexistent", Wait(absl::ZeroDuration(), [] {})),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(MigrateTest, StopsWaitingWhenTold) {
  DropSchema();
  SchemaWait wait = Wait(absl::Hours(1), [] {});
  wait.pause = [](absl::Duration) { return false; };
  EXPECT_THAT(WaitForSchema(server_.uri(), wait), StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace waybill::jobdb
