#include "draw.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace dec::synthesis {

namespace {

std::uint64_t fnv1a(std::uint64_t hash, std::string_view text) {
    for (char c : text) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 0x100000001b3ULL;
    }
    return hash;
}

constexpr std::uint64_t step = 0x9e3779b97f4a7c15ULL;

std::uint64_t splitmix64(std::uint64_t state) {
    state += step;
    state = (state ^ (state >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    state = (state ^ (state >> 27U)) * 0x94d049bb133111ebULL;
    return state ^ (state >> 31U);
}

std::uint64_t bits_of(std::uint64_t seed, std::string_view purpose, std::string_view name) {
    auto hash = fnv1a(0xcbf29ce484222325ULL, purpose);
    hash = fnv1a(hash, ":");
    hash = fnv1a(hash, name);
    return splitmix64(hash ^ splitmix64(seed));
}

double to_unit_interval(std::uint64_t bits) { return std::ldexp(static_cast<double>(bits >> 11U), -53); }

}  // namespace

std::uint64_t mix(std::uint64_t bits) { return splitmix64(bits); }

double uniform(std::uint64_t seed, std::string_view purpose, std::string_view name) {
    return to_unit_interval(bits_of(seed, purpose, name));
}

std::int64_t uniform_integer(std::uint64_t seed, std::string_view purpose, std::string_view name, std::int64_t low,
                             std::int64_t high) {
    auto const count = static_cast<double>(high - low + 1);
    return low + static_cast<std::int64_t>(uniform(seed, purpose, name) * count);
}

Stream::Stream(std::uint64_t seed, std::string_view purpose, std::string_view name)
    : state_{bits_of(seed, purpose, name)} {}

std::uint64_t Stream::bits() {
    auto const bits = splitmix64(state_);
    state_ += step;
    return bits;
}

double Stream::uniform() { return to_unit_interval(bits()); }

std::int64_t Stream::integer(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(uniform() * static_cast<double>(high - low + 1));
}

double Stream::normal() {
    double const radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

double Stream::lognormal(double median, double sigma, double low, double high) {
    return std::clamp(median * std::exp(sigma * normal()), low, high);
}

}  // namespace dec::synthesis
