#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "common/config/ports_file.h"
#include "common/status/status_matchers.h"

namespace waybill::config {
namespace {

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(PortsFileTest, HoldsThePortsAsJsonAndReplacesAnOlderOne) {
  const std::string path = testing::TempDir() + "ports_file_test.json";
  ASSERT_THAT(WritePortsFile(path, {{"admin", 1}}), IsOk());
  ASSERT_THAT(WritePortsFile(path, {{"admin", 41234}, {"metrics", 41235}}), IsOk());
  EXPECT_EQ(ReadAll(path), "{\"admin\":41234,\"metrics\":41235}\n");
  EXPECT_FALSE(std::ifstream(path + ".tmp").good());
}

TEST(PortsFileTest, NoPathMeansNoFile) {
  EXPECT_THAT(WritePortsFile("", {{"admin", 1}}), IsOk());
}

TEST(PortsFileTest, SaysWhichFileCannotBeWritten) {
  const absl::Status status = WritePortsFile("/nonexistent/ports.json", {{"admin", 1}});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("/nonexistent/ports.json"));
}

}  // namespace
}  // namespace waybill::config
