#include "common/jobdb/connection_string.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"

#include "common/status/status_matchers.h"

namespace waybill::jobdb {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ConnectionString, DescribesTheDatabaseWithoutItsPassword) {
  const ConnectionString target =
      *ConnectionString::Parse("postgresql://waybill:geheim@db.example:5433/cen");
  EXPECT_EQ(target.description(), "host=db.example port=5433 dbname=cen user=waybill");
  EXPECT_THAT(target.for_libpq(), HasSubstr("password='geheim'"));
}

TEST(ConnectionString, AddsLimitsUnlessTheyAreSet) {
  const ConnectionString target = *ConnectionString::Parse("host=/run/pg connect_timeout=3");
  EXPECT_THAT(target.for_libpq(), HasSubstr("connect_timeout='3'"));
  EXPECT_THAT(target.for_libpq(), HasSubstr("tcp_user_timeout='30000'"));
}

TEST(ConnectionString, KeepsQuotesAndBackslashesInValues) {
  const ConnectionString target = *ConnectionString::Parse(R"(host=h password='it\'s \\ odd')");
  EXPECT_THAT(target.for_libpq(), HasSubstr(R"(password='it\'s \\ odd')"));
  EXPECT_THAT(ConnectionString::Parse(target.for_libpq()), IsOk());
}

TEST(ConnectionString, RefusesNonsenseWithoutQuotingIt) {
  const auto result = ConnectionString::Parse("host=h geheim");
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(result.status().message()), Not(HasSubstr("geheim")));
}

}  // namespace
}  // namespace waybill::jobdb
