#include "common/jobdb/test_database.h"

#include <atomic>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

#include <pqxx/pqxx>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "common/jobdb/migrate.h"
#include "common/jobdb/private_server.h"

namespace waybill::jobdb {
namespace {

constexpr const char* kTemplate = "template_waybill";

void FailUnlessOk(const absl::Status& status) {
  if (!status.ok()) {
    std::cerr << "cannot start a private PostgreSQL: " << status << "\n";
    std::abort();
  }
}

void ExecuteOn(const std::string& uri, const std::string& sql) {
  pqxx::connection connection(uri);
  pqxx::nontransaction work(connection);  // CREATE DATABASE refuses to run inside a transaction.
  work.exec(sql);
}

std::unique_ptr<PrivateServer> StartWithTemplate() {
  absl::StatusOr<std::unique_ptr<PrivateServer>> server = PrivateServer::Start({});
  FailUnlessOk(server.status());
  FailUnlessOk((*server)->CreateDatabase(kTemplate));
  FailUnlessOk(Migrate((*server)->UriOf(kTemplate)));
  return *std::move(server);
}

std::string NextName() {
  static int count = 0;
  return absl::StrCat("test_", ++count);
}

}  // namespace

PrivateServer& TestDatabase::Server() {
  static const std::unique_ptr<PrivateServer> server = StartWithTemplate();
  return *server;
}

TestDatabase::TestDatabase() : name_(NextName()), uri_(Server().UriOf(name_)) {
  ExecuteOn(Server().UriOf("postgres"),
            absl::StrCat("CREATE DATABASE ", name_, " TEMPLATE ", kTemplate));
}

TestDatabase::~TestDatabase() {
  ExecuteOn(Server().UriOf("postgres"), absl::StrCat("DROP DATABASE ", name_, " WITH (FORCE)"));
}

void TestDatabase::Execute(const std::string& sql) const {
  ExecuteOn(uri_, sql);
}

std::string TestDatabase::QueryText(const std::string& sql) const {
  pqxx::connection connection(uri_);
  pqxx::nontransaction work(connection);
  return work.exec1(sql)[0].as<std::string>("NULL");
}

void TestDatabase::WhileOpen(const std::string& sql, const std::function<void()>& step) const {
  pqxx::connection connection(uri_);
  pqxx::work other(connection);
  other.exec(sql);
  std::atomic<bool> is_over = false;
  std::thread thread([&] {
    step();
    is_over = true;
  });
  const std::string waiting =
      "SELECT count(*) FROM pg_stat_activity"
      " WHERE datname = current_database() AND wait_event_type = 'Lock'";
  while (!is_over && QueryText(waiting) == "0") {
  }
  other.commit();
  thread.join();
}

}  // namespace waybill::jobdb
