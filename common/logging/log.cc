#include "common/logging/log.h"

#include <memory>
#include <string>
#include <type_traits>
#include <variant>

#include <nlohmann/json.hpp>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace waybill::log {
namespace {

constexpr absl::string_view kTimeFormat = "%Y-%m-%dT%H:%M:%E3SZ";

struct State {
  Origin origin;
  spdlog::logger logger{"waybill", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
};

// Never destroyed: threads may log while the process exits.
State& GlobalState() {
  static State& state = *[] {
    auto* created = new State;
    created->logger.set_pattern("%v");
    created->logger.set_level(spdlog::level::info);
    return created;
  }();
  return state;
}

spdlog::level::level_enum ToSpdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

absl::string_view ToString(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarning:
      return "warning";
    case Level::kError:
      return "error";
  }
  return "error";
}

std::string Text(absl::string_view text) {
  if (text.size() <= kTextBytesMax) {
    return std::string(text);
  }
  return std::string(text.substr(0, kTextBytesMax)) + "...";
}

nlohmann::ordered_json ToJson(const Field::Value& value) {
  return std::visit(
      [](const auto& held) -> nlohmann::ordered_json {
        if constexpr (std::is_convertible_v<decltype(held), absl::string_view>) {
          return Text(held);
        } else {
          return held;
        }
      },
      value);
}

bool IsReserved(absl::string_view key) {
  return key == "time" || key == "level" || key == "service" || key == "msg";
}

void Write(Level level, absl::string_view message, Fields fields) {
  State& state = GlobalState();
  const spdlog::level::level_enum spdlog_level = ToSpdlog(level);
  if (!state.logger.should_log(spdlog_level)) {
    return;
  }
  const std::string line = FormatLine(absl::Now(), level, state.origin, message, fields);
  state.logger.log(spdlog_level, "{}", line);
}

}  // namespace

Field::Field(absl::string_view key, absl::Time value)
    : key_(key), value_(absl::FormatTime(kTimeFormat, value, absl::UTCTimeZone())) {}

Field::Field(absl::string_view key, absl::Duration value)
    : key_(key), value_(absl::FormatDuration(value)) {}

void Init(absl::string_view service, absl::string_view site_code, Level level) {
  State& state = GlobalState();
  state.origin = {std::string(service), std::string(site_code)};
  state.logger.set_level(ToSpdlog(level));
}

bool ParseLevel(absl::string_view name, Level* level) {
  for (const Level known : {Level::kDebug, Level::kInfo, Level::kWarning, Level::kError}) {
    if (name == ToString(known)) {
      *level = known;
      return true;
    }
  }
  return false;
}

std::string FormatLine(absl::Time time, Level level, const Origin& origin,
                       absl::string_view message, Fields fields) {
  nlohmann::ordered_json line;
  line["time"] = absl::FormatTime(kTimeFormat, time, absl::UTCTimeZone());
  line["level"] = std::string(ToString(level));
  line["service"] = origin.service;
  line["site_code"] = origin.site_code;
  line["msg"] = Text(message);
  for (const Field& field : fields) {
    const std::string key(field.key());
    line[IsReserved(key) ? "_" + key : key] = ToJson(field.value());
  }
  return line.dump(/*indent=*/-1, ' ', /*ensure_ascii=*/true,
                   nlohmann::ordered_json::error_handler_t::replace);
}

void Debug(absl::string_view message, Fields fields) {
  Write(Level::kDebug, message, fields);
}
void Info(absl::string_view message, Fields fields) {
  Write(Level::kInfo, message, fields);
}
void Warning(absl::string_view message, Fields fields) {
  Write(Level::kWarning, message, fields);
}
void Error(absl::string_view message, Fields fields) {
  Write(Level::kError, message, fields);
}

}  // namespace waybill::log
