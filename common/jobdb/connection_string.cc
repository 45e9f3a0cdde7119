#include "common/jobdb/connection_string.h"

#include <iterator>
#include <map>
#include <memory>
#include <string>

#include <libpq-fe.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"

namespace waybill::jobdb {
namespace {

struct Default {
  const char* key;
  const char* value;
};
// connect_timeout in seconds, keepalives in seconds, tcp_user_timeout in milliseconds: a dead
// server is noticed within half a minute. They do nothing on Unix sockets.
constexpr Default kDefaults[] = {
    {"connect_timeout", "10"}, {"keepalives_idle", "15"},     {"keepalives_interval", "5"},
    {"keepalives_count", "3"}, {"tcp_user_timeout", "30000"},
};

std::string Quoted(absl::string_view value) {
  return absl::StrCat("'", absl::StrReplaceAll(value, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

}  // namespace

absl::StatusOr<ConnectionString> ConnectionString::Parse(absl::string_view uri) {
  char* error = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(std::string(uri).c_str(), &error), &PQconninfoFree);
  if (options == nullptr) {
    PQfreemem(error);  // Quotes the string, password included.
    return absl::InvalidArgumentError(
        "the job database's address is not a PostgreSQL connection string or URI");
  }
  std::map<std::string, std::string> values;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) {
      values[option->keyword] = option->val;
    }
  }
  ConnectionString result;
  for (const char* key : {"host", "hostaddr", "port", "dbname", "user"}) {
    if (const auto it = values.find(key); it != values.end()) {
      absl::StrAppend(&result.description_, result.description_.empty() ? "" : " ", key, "=",
                      it->second);
    }
  }
  for (const Default& setting : kDefaults) {
    values.try_emplace(setting.key, setting.value);
  }
  for (const auto& [key, value] : values) {
    absl::StrAppend(&result.for_libpq_, key, "=", Quoted(value), " ");
  }
  return result;
}

}  // namespace waybill::jobdb
