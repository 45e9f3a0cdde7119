#include "common/jobdb/private_server.h"

#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pqxx/pqxx>

#include "absl/status/status.h"

#include "common/status/status_matchers.h"

namespace waybill::jobdb {
namespace {

// One server for all tests here: each keeps it running.
class PrivateServerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = *PrivateServer::Start({.durable = true});
    ASSERT_THAT(server_->CreateDatabase("cen"), IsOk());
  }
  static void TearDownTestSuite() { server_.reset(); }

  static std::string Query(const std::string& sql) {
    pqxx::connection connection(server_->UriOf("cen"));
    pqxx::work work(connection);
    const pqxx::result result = work.exec(sql);
    work.commit();
    return result.empty() ? "" : result[0][0].as<std::string>();
  }

  static inline std::unique_ptr<PrivateServer> server_;
};

TEST_F(PrivateServerTest, KeepsWhatWasCommittedThroughEveryFault) {
  EXPECT_EQ(Query("SHOW fsync"), "on");
  Query("CREATE TABLE mine (id int)");
  absl::Status (PrivateServer::*const faults[])() = {&PrivateServer::Stop, &PrivateServer::Abort,
                                                     &PrivateServer::Kill};
  int rows = 0;
  for (const auto fault : faults) {
    Query("INSERT INTO mine VALUES (1)");
    EXPECT_THAT((*server_.*fault)(), IsOk());
    EXPECT_THROW(Query("SELECT 1"), pqxx::broken_connection);
    EXPECT_THAT(server_->Start(), IsOk());
    EXPECT_EQ(Query("SELECT count(*) FROM mine"), std::to_string(++rows));
  }
}

TEST_F(PrivateServerTest, StartingOrCreatingAgainChangesNothing) {
  EXPECT_THAT(server_->Start(), IsOk());
  EXPECT_THAT(server_->CreateDatabase("cen"), IsOk());
}

TEST_F(PrivateServerTest, SaysWhyItCannotStart) {
  const auto result = PrivateServer::Start({.directory = "/proc/none"});
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(std::string(result.status().message()), ::testing::HasSubstr("/proc/none"));
}

}  // namespace
}  // namespace waybill::jobdb
