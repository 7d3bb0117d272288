Feature: Durations that expressions make
  A text or an object, wherever a length of time stands.

  Scenario: A wait is as long as the input says, by a text or an object
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - object: {wait: '${ {minutes: 1, seconds: .seconds} }'}
      - text: {wait: '${ "PT\(.seconds)S" }'}
      - given: {wait: '${ .pause }'}
    """
    And given the workflow input is:
    """yaml
    seconds: 5
    pause: PT1H
    """
    When the workflow is executed
    Then the workflow should complete
    And the run should take about PT1H1M10S

  Scenario: A task times out after what an expression says
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try:
            - slow: {wait: PT1H, timeout: {after: '${ {seconds: .limit} }'}}
          catch:
            errors: {with: {status: 408}}
            do: [late: {set: {late: true}}]
    """
    And given the workflow input is:
    """yaml
    limit: 7
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    late: true
    """
    And the run should take about PT7S

  Scenario: A run times out after what an expression says
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    timeout: {after: '${ {seconds: .limit} }'}
    do:
      - slow: {wait: PT1H}
    """
    And given the workflow input is:
    """yaml
    limit: 9
    """
    When the workflow is executed
    Then the workflow should time out
    And the run should take about PT9S

  Scenario: A try is made again after what expressions say
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try:
            - get: {call: http, with: {method: get, endpoint: 'https://service.test/flaky/retry-computed/3/503'}}
          catch:
            retry: {delay: '${ {seconds: .delay} }', backoff: {exponential: {maxDelay: '${ .most }'}}}
    """
    And given the workflow input is:
    """yaml
    delay: 2
    most: PT5S
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    calls: 4
    """
    And the run should take about PT11S

  Scenario: What is no duration fails the task and says what would be one
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try: [pause: {wait: '${ .seconds }'}]
          catch: {as: error, do: [told: {set: {told: '${ $error.detail }'}}]}
    """
    And given the workflow input is:
    """yaml
    seconds: 5
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    told: '.seconds is 5, which is no duration; make a text such as "PT30S" or an object such as {seconds: 30}'
    """
