package lockwatch

import "math"

// mode is what the policies of a middleware and the limits of routes have in common.
type mode struct {
	shadow    bool
	onFailure FailureMode
	// local is nil unless onFailure is FailLocal.
	local *localLimits
}

// modeOptions are the options of a mode, with those of the middleware in place of what is left out.
type modeOptions struct {
	shadow      bool
	onFailure   FailureMode
	localShare  float64
	localLimits string
}

// newMode checks the options of a mode. fixed are the limits that apply; the zero value if they are
// known at run time alone. of says whose options they are.
func newMode(o modeOptions, fixed Limits, of string) (mode, error) {
	if o.onFailure == "" {
		o.onFailure = FailAllow
	}
	made := mode{shadow: o.shadow, onFailure: o.onFailure}
	switch o.onFailure {
	case FailAllow, FailDeny, FailLocal:
	default:
		return made, configurationError("OnRedisFailure%s is %s: expected allow, deny or local", of, shown(string(o.onFailure)))
	}
	if o.localShare == 0 {
		o.localShare = 1
	}
	if math.IsNaN(o.localShare) || o.localShare < 0 || o.localShare > 1 {
		return made, configurationError("LocalShare%s is %v: expected a number above 0 and at most 1, like 0.5", of, o.localShare)
	}
	var instead Limits
	if o.localLimits != "" {
		var err error
		if instead, err = ParseLimits(o.localLimits); err != nil {
			return made, configurationError("LocalLimits%s: %s", of, messageOf(err))
		}
		if instead.Policy() != "" {
			return made, configurationError("LocalLimits%s is %s: expected limits as numbers, like '100/minute'",
				of, shown(o.localLimits))
		}
	}
	if o.onFailure != FailLocal {
		return made, nil
	}
	if fixed.Policy() != "" && instead.IsZero() {
		return made, configurationError("OnRedisFailure%s is local, and the limits '@%s' are not known here: give LocalLimits, "+
			"like '100/minute'", of, fixed.Policy())
	}
	made.local = &localLimits{o.localShare, instead}
	return made, nil
}
