#include "common/jobdb/database.h"

#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pqxx/pqxx>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"

#include "common/jobdb/statement.h"
#include "common/jobdb/test_database.h"
#include "common/status/status_matchers.h"

namespace waybill::jobdb {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr Statement kSelectOne[] = {{"select_one", "SELECT 1"}};

class DatabaseTest : public ::testing::Test {
 protected:
  static Database::Options OneSession(const std::string& uri) {
    Database::Options options;
    options.uri = uri;
    options.sessions_max = 1;
    options.application_name = "waybill-test";
    options.session_wait_max = absl::ZeroDuration();
    return options;
  }

  absl::Status Execute(const std::string& sql) {
    return database_->Run(kSelectOne[0], [&](pqxx::transaction_base& work) {
      work.exec(sql);
      return absl::OkStatus();
    });
  }

  std::string Show(const std::string& sql) {
    std::string shown;
    EXPECT_THAT(database_->Run(kSelectOne[0],
                               [&](pqxx::transaction_base& work) {
                                 shown = work.exec1(sql)[0].as<std::string>();
                                 return absl::OkStatus();
                               }),
                IsOk());
    return shown;
  }

  TestDatabase server_;
  std::unique_ptr<Database> database_ = *Database::Open(OneSession(server_.uri()), kSelectOne);
};

TEST_F(DatabaseTest, RefusesAStatementThatDoesNotFitTheSchemaWhenItOpens) {
  const Statement wrong[] = {{"wrong", "SELECT no_such_column FROM waybill.schema_migration"}};
  EXPECT_THAT(Database::Open(OneSession(server_.uri()), wrong),
              StatusIs(absl::StatusCode::kInternal));
}

TEST_F(DatabaseTest, NamesTheDatabaseButNoPasswordWhenThereIsNoServer) {
  const absl::Status status =
      Database::Open(OneSession("host=/nonexistent dbname=cen password=geheim"), kSelectOne)
          .status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("cannot reach the job database at host=/nonexistent dbname=cen: "));
  EXPECT_THAT(std::string(status.message()), HasSubstr("; is PostgreSQL running?"));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("geheim")));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("\n")));
}

TEST_F(DatabaseTest, DoesNotAskWhetherPostgresRunsWhenItAnswered) {
  const absl::Status status =
      Database::Open(OneSession(server_.uri() + "_absent"), kSelectOne).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("does not exist"));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("is PostgreSQL running?")));
}

TEST_F(DatabaseTest, SetsEveryLimitAndFormatOfASession) {
  EXPECT_EQ(Show("SHOW statement_timeout"), "30s");
  EXPECT_EQ(Show("SHOW lock_timeout"), "10s");
  EXPECT_EQ(Show("SHOW idle_in_transaction_session_timeout"), "30s");
  EXPECT_EQ(Show("SHOW timezone"), "UTC");
  EXPECT_EQ(Show("SHOW synchronous_commit"), "on");
  EXPECT_EQ(Show("SHOW application_name"), "waybill-test");
}

TEST_F(DatabaseTest, SaysResourceExhaustedWhenNoSessionComesFreeInTime) {
  const absl::Status outer = database_->Run(kSelectOne[0], [&](pqxx::transaction_base&) {
    EXPECT_THAT(Execute("SELECT 1"), StatusIs(absl::StatusCode::kResourceExhausted));
    return absl::OkStatus();
  });
  EXPECT_THAT(outer, IsOk());
}

TEST_F(DatabaseTest, WaitsForASessionThatIsGivenBack) {
  Database::Options options = OneSession(server_.uri());
  options.session_wait_max = absl::Minutes(1);
  database_ = *Database::Open(options, kSelectOne);
  std::latch taken(1);
  std::latch asking(1);
  std::thread holder([&] {
    EXPECT_THAT(database_->Run(kSelectOne[0],
                               [&](pqxx::transaction_base&) {
                                 taken.count_down();
                                 asking.wait();
                                 return absl::OkStatus();
                               }),
                IsOk());
  });
  taken.wait();
  asking.count_down();  // The session is given back at some moment of the next call.
  EXPECT_THAT(Execute("SELECT 1"), IsOk());
  holder.join();
}

TEST_F(DatabaseTest, RollsBackWhatTheBodyRefuses) {
  server_.Execute("CREATE TABLE mine (id int)");
  const absl::Status status = database_->Run(kSelectOne[0], [](pqxx::transaction_base& work) {
    work.exec("INSERT INTO mine VALUES (1)");
    return absl::FailedPreconditionError("no");
  });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(Show("SELECT count(*) FROM mine"), "0");
}

TEST_F(DatabaseTest, GivesEachKindOfFailureItsCode) {
  const std::pair<const char*, absl::StatusCode> rows[] = {
      {"40001", absl::StatusCode::kAborted},
      {"40P01", absl::StatusCode::kAborted},
      {"40003", absl::StatusCode::kUnknown},
      {"23505", absl::StatusCode::kAlreadyExists},
      {"23P01", absl::StatusCode::kAlreadyExists},
      {"23514", absl::StatusCode::kFailedPrecondition},
      {"57014", absl::StatusCode::kUnavailable},
      {"55P03", absl::StatusCode::kUnavailable},
      {"22021", absl::StatusCode::kInvalidArgument},
      {"53100", absl::StatusCode::kResourceExhausted},
      {"42703", absl::StatusCode::kInternal},
  };
  for (const auto& [sqlstate, code] : rows) {
    const std::string raise = absl::StrFormat("DO $$ BEGIN RAISE SQLSTATE '%s'; END $$", sqlstate);
    EXPECT_THAT(Execute(raise), StatusIs(code)) << sqlstate;
  }
}

TEST_F(DatabaseTest, RunsAnAbortedBodyAgainButNotForEver) {
  int runs = 0;
  const auto abort_until = [&](int last) {
    runs = 0;
    return database_->RunRetrying(kSelectOne[0], [&](pqxx::transaction_base& work) {
      if (++runs < last) work.exec("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$");
      return absl::OkStatus();
    });
  };
  EXPECT_THAT(abort_until(3), IsOk());
  EXPECT_EQ(runs, 3);
  EXPECT_THAT(abort_until(1000), StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(runs, Database::kAttemptsMax);
}

TEST_F(DatabaseTest, RecoversFromAConnectionLostUnderAStatement) {
  EXPECT_THAT(Execute("SELECT pg_terminate_backend(pg_backend_pid())"),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Execute("SELECT 1"), IsOk());
}

TEST_F(DatabaseTest, ReplacesASessionThatDiedWhileItWasIdle) {
  const std::string others =
      "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
      "WHERE application_name = 'waybill-test' AND datname = current_database()";
  EXPECT_EQ(server_.QueryText(others), "1");
  EXPECT_EQ(Show("SHOW application_name"), "waybill-test");
}

TEST_F(DatabaseTest, SaysUnknownWhenTheConnectionBreaksDuringCommit) {
  // A deferred trigger runs inside COMMIT, where it ends its own connection.
  server_.Execute(R"sql(
      CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
      CREATE TABLE mine (id int);
      CREATE CONSTRAINT TRIGGER die AFTER INSERT ON mine DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION die();
  )sql");
  EXPECT_THAT(Execute("INSERT INTO mine VALUES (1)"), StatusIs(absl::StatusCode::kUnknown));
}

}  // namespace
}  // namespace waybill::jobdb
