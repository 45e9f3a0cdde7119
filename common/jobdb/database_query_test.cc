#include "common/jobdb/database_query.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pqxx/pqxx>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/jobdb/database.h"
#include "common/jobdb/statement.h"
#include "common/jobdb/test_database.h"
#include "common/status/status_matchers.h"

namespace waybill::jobdb {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::Optional;

constexpr Statement kStatements[] = {
    {"echo_text", "SELECT $1::text"},
    {"echo_text_array", "SELECT $1::text[]"},
    {"echo_bigint_array", "SELECT $1::bigint[]"},
    {"echo_smallint_array", "SELECT $1::smallint[]"},
    {"echo_time", "SELECT $1::timestamptz"},
    {"echo_bytes", "SELECT $1::bytea"},
    {"count_up", "SELECT generate_series(1, $1::int)"},
    {"delete_up_to", "DELETE FROM number WHERE id <= $1"},
    {"length_of_interval", "SELECT extract(epoch FROM $1::interval)::float8"},
};
constexpr const Statement& kEchoText = kStatements[0];
constexpr const Statement& kCountUp = kStatements[6];
constexpr const Statement& kDeleteUpTo = kStatements[7];

std::int64_t ReadNumber(const pqxx::row& row) {
  return row[0].as<std::int64_t>();
}

class DatabaseQueryTest : public ::testing::Test {
 protected:
  static std::unique_ptr<Database> OpenWithNumbers(const TestDatabase& server) {
    server.Execute("CREATE TABLE number (id int); INSERT INTO number VALUES (1), (2), (3)");
    Database::Options options;
    options.uri = server.uri();
    return *Database::Open(options, kStatements);
  }

  // Sends a value to PostgreSQL and reads it back.
  template <typename Value, typename Read>
  auto Echo(const Statement& statement, const Value& value, Read read) {
    return *GetOne(
        *database_, absl::NotFoundError(""), statement,
        [&](const pqxx::row& row) { return read(row[0]); }, value);
  }

  TestDatabase server_;
  std::unique_ptr<Database> database_ = OpenWithNumbers(server_);
};

TEST_F(DatabaseQueryTest, ReturnsRowsInOrder) {
  EXPECT_THAT(*Query(*database_, kCountUp, ReadNumber, 3), ElementsAre(1, 2, 3));
}

TEST_F(DatabaseQueryTest, TellsNoRowFromARow) {
  EXPECT_THAT(*FindOne(*database_, kCountUp, ReadNumber, 1), Optional(1));
  EXPECT_EQ(*FindOne(*database_, kCountUp, ReadNumber, 0), std::nullopt);
  EXPECT_THAT(GetOne(*database_, absl::NotFoundError("none"), kCountUp, ReadNumber, 0),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(DatabaseQueryTest, CountsTheRowsItChanged) {
  EXPECT_EQ(*Execute(*database_, kDeleteUpTo, 2), 2);
  EXPECT_EQ(*Execute(*database_, kDeleteUpTo, 2), 0);
}

TEST_F(DatabaseQueryTest, StepsInOneTransactionSeeEachOtherAndRollBackTogether) {
  const absl::Status status = database_->Run(kDeleteUpTo, [](pqxx::transaction_base& work) {
    EXPECT_EQ(Execute(work, kDeleteUpTo, 2), 2);
    EXPECT_EQ(Execute(work, kDeleteUpTo, 3), 1);
    EXPECT_THAT(FindOne(work, kCountUp, ReadNumber, 1), Optional(1));
    return absl::AbortedError("stop");
  });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(server_.QueryText("SELECT count(*) FROM number"), "3");
}

TEST_F(DatabaseQueryTest, BringsArraysThereAndBack) {
  const std::vector<std::string> texts = {"", "NULL", "a,b", "{x}", "\"", "\\", "ü", " b "};
  EXPECT_THAT(Echo(kStatements[1], texts, ReadTextArray), ElementsAreArray(texts));
  const std::vector<std::int64_t> numbers = {INT64_MIN, 0, INT64_MAX};
  EXPECT_THAT(Echo(kStatements[2], numbers, ReadIntegerArray), ElementsAreArray(numbers));
  const std::vector<std::int16_t> small = {-1, 7};
  EXPECT_THAT(Echo(kStatements[3], small, ReadIntegerArray), ElementsAre(-1, 7));
}

TEST_F(DatabaseQueryTest, BringsTimesBytesAndIntervalsThereAndBack) {
  const absl::Time time = absl::FromUnixMicros(1'700'000'000'123'450);
  EXPECT_EQ(Echo(kStatements[4], time, ReadTime), time);
  EXPECT_EQ(Echo(kStatements[4], absl::InfiniteFuture(), ReadTime), absl::InfiniteFuture());
  EXPECT_EQ(Echo(kStatements[4], std::nullopt, ReadOptionalTime), std::nullopt);
  const std::string bytes("\0\x01\xff'\\", 5);
  EXPECT_EQ(Echo(kStatements[5], Bytes{bytes}, ReadBytes), bytes);
  const auto as_double = [](const pqxx::field& field) { return field.as<double>(); };
  EXPECT_DOUBLE_EQ(Echo(kStatements[8], absl::Milliseconds(-1500), as_double), -1.5);
}

TEST_F(DatabaseQueryTest, BindsTextSoThatItIsNeverSql) {
  const std::string attack = "'; DROP TABLE number; --";
  const auto as_text = [](const pqxx::field& field) { return field.as<std::string>(); };
  EXPECT_EQ(Echo(kEchoText, attack, as_text), attack);
}

TEST_F(DatabaseQueryTest, RefusesTextThatPostgresCannotHold) {
  const auto as_text = [](const pqxx::row& row) { return row[0].as<std::string>(); };
  EXPECT_THAT(Query(*database_, kEchoText, as_text, absl::string_view("a\0b", 3)),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Query(*database_, kEchoText, as_text, "\xff"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(DatabaseQueryTest, SaysInternalWhenAColumnIsNotWhatTheReaderExpects) {
  const auto as_time = [](const pqxx::row& row) { return ReadTime(row[0]); };
  EXPECT_THAT(Query(*database_, kEchoText, as_time, "yesterday"),
              StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(Query(*database_, kEchoText, as_time, std::nullopt),
              StatusIs(absl::StatusCode::kInternal));
}

}  // namespace
}  // namespace waybill::jobdb
